#include <redoubt/watch/degradation_watch.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <redoubt/core/philox.hpp>
#include <redoubt/drift/cusum.hpp>
#include <stdexcept>
#include <vector>

using namespace redoubt;

namespace {

// A label-free detector that a test can drive: a CUSUM over scores.
struct scored {
  cusum sum{{.threshold = 3, .mode = direction::up}};
  redoubt::alarm update(double score) { return sum.update(score); }
  [[nodiscard]] double statistic() const { return sum.statistic(); }
  [[nodiscard]] double threshold() const { return sum.options().threshold; }
  void resume(double statistic) { sum.resume(statistic, 0, 0); }
};

std::vector<double> ramp(std::size_t count) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = static_cast<double>(i) / static_cast<double>(count);
  }
  return values;
}

degradation_watch<scored> watching(double run_length = 1000) {
  return {{.error_limit = 0.1, .run_length = run_length, .two_sample = {.window = 20, .stride = 10, .level = 1e-4}},
          scored{},
          {ramp(200)}};
}

constexpr std::array<double, 1> usual{0.5};

// Healthy requests whose measure runs over its whole range.
void pass_healthy(degradation_watch<scored>& watch, int count) {
  for (int i = 0; i < count; ++i) {
    const std::array<double, 1> measure{static_cast<double>(i * 37 % 100) / 100};
    const degradation_alarms raised = watch.see(-1, measure);
    REQUIRE_FALSE(raised.label_free);
    REQUIRE_FALSE(raised.two_sample);
  }
}

}  // namespace

TEST_CASE("degradation_watch: the labelled alarm is e-SR's, label by label") {
  auto watch = watching();
  e_sr alone{{.healthy = 0.1, .run_length = 1000}};
  for (int i = 0; i < 200; ++i) {
    const bool wrong = i % 2 == 0;
    REQUIRE(watch.see_label(wrong).labelled == (alone.update(wrong ? 1 : 0) == redoubt::alarm::drift));
    REQUIRE(watch.labelled().statistic == alone.statistic());
  }
  CHECK(watch.labelled().alarms > 0);
  CHECK(watch.labelled().seen == 200);
  CHECK(watch.errors() == 100);
}

TEST_CASE("degradation_watch: what requests look like says why accuracy falls") {
  auto watch = watching();
  pass_healthy(watch, 100);
  CHECK(watch.cause() == degradation_cause::unknown);

  auto shifted = watch;
  bool noticed = false;
  for (int i = 0; i < 40; ++i) {
    noticed = shifted.see(-1, std::array<double, 1>{2.0}).two_sample || noticed;
  }
  CHECK(noticed);
  CHECK(shifted.cause() == degradation_cause::shift);

  auto attacked = shifted;
  for (int i = 0; i < 10; ++i) {
    attacked.see(4, usual);
  }
  CHECK(attacked.label_free().alarms > 0);
  CHECK(attacked.cause() == degradation_cause::attack);
}

TEST_CASE("degradation_watch: an alarm without labels is evidence for so many requests only") {
  degradation_watch<scored> watch{{.error_limit = 0.1, .recent = 50}, scored{}, {}};
  while (!watch.see(4, {}).label_free) {
  }
  for (int i = 0; i < 49; ++i) {
    REQUIRE(watch.cause() == degradation_cause::attack);
    watch.see(-1, {});
  }
  watch.see(-1, {});
  CHECK(watch.cause() == degradation_cause::unknown);
}

TEST_CASE("degradation_watch: the sums of several replicas make the pooled stream's e-CUSUM") {
  const std::uint64_t seed = 3;
  CAPTURE(seed);
  philox_sequence random{seed};
  std::vector<degradation_watch<scored>> replicas(4, watching(1e300));
  e_cusum pooled{{.healthy = 0.1, .run_length = 1e300}};
  const std::size_t bets = pooled.options().lambdas.size();
  std::vector<double> lowest(bets, 0.0);
  for (int i = 0; i < 3000; ++i) {
    const bool wrong = random.uniform() < (i < 2000 ? 0.05 : 0.3);
    replicas[random.below(4)].see_label(wrong);
    pooled.update(wrong ? 1 : 0);
    for (std::size_t k = 0; k < bets; ++k) {
      double sum = 0;
      for (const auto& replica : replicas) {
        sum += replica.log_evidence()[k];
      }
      // e-CUSUM restarts from 1: it is the sum less the lowest that it had before this label.
      REQUIRE(std::exp(sum - lowest[k]) == doctest::Approx(pooled.evidence()[k]).epsilon(1e-9));
      lowest[k] = std::min(lowest[k], sum);
    }
  }
  CHECK(pooled.statistic() > 1e6);
}

TEST_CASE("degradation_watch: goes on from what it kept as if it had never stopped") {
  auto whole = watching();
  auto first = watching();
  for (int i = 0; i < 30; ++i) {
    for (auto* each : {&whole, &first}) {
      each->see(i % 3 == 0 ? 1.5 : -0.5, usual);
      each->see_label(i % 4 == 0);
    }
  }
  auto second = watching();
  second.resume(first.keep());
  for (int i = 0; i < 30; ++i) {
    const degradation_alarms expected = whole.see(1, usual);
    const degradation_alarms found = second.see(1, usual);
    REQUIRE(expected.label_free == found.label_free);
    REQUIRE(whole.see_label(true).labelled == second.see_label(true).labelled);
    REQUIRE(whole.labelled().statistic == second.labelled().statistic);
    REQUIRE(whole.log_evidence() == second.log_evidence());
    REQUIRE(whole.label_free().seen == second.label_free().seen);
  }
  CHECK(whole.labelled().alarms > 0);
  CHECK(whole.labelled().alarms == second.labelled().alarms);
}

TEST_CASE("degradation_watch: refuses what does not fit") {
  CHECK_THROWS_WITH_AS((degradation_watch<scored>{{}, scored{}, {}}), doctest::Contains("healthy"),
                       std::invalid_argument);
  CHECK_THROWS_AS((degradation_watch<scored>{{.error_limit = 0.1, .recent = 0}, scored{}, {}}), std::invalid_argument);
  auto watch = watching();
  CHECK_THROWS_AS(watch.see(0, {}), std::invalid_argument);
  const std::array<double, 1> unknown{std::numeric_limits<double>::quiet_NaN()};
  const auto before = watch.keep();
  CHECK_THROWS_WITH_AS(watch.see(0, unknown), "degradation_watch: a measure is not a number", std::invalid_argument);
  CHECK(watch.keep().label_free.seen == before.label_free.seen);
  auto kept = watch.keep();
  kept.log_evidence.pop_back();
  CHECK_THROWS_AS(watch.resume(kept), std::invalid_argument);
  kept = watch.keep();
  kept.evidence.front() = -1;
  CHECK_THROWS_WITH_AS(watch.resume(kept), doctest::Contains("-1"), std::invalid_argument);
}

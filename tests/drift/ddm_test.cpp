#include <redoubt/drift/ddm.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "golden_checks.hpp"
#include "splitmix64.hpp"

using redoubt::alarm;

namespace {

const std::map<std::string, redoubt::ddm_options> named_options{
    {"default", {}},
    {"warm_start=50;warning_threshold=2.5;drift_threshold=3.5",
     {.warm_start = 50, .warning_threshold = 2.5, .drift_threshold = 3.5}}};

}  // namespace

TEST_CASE("ddm: after a start without errors the first error alarms") {
  redoubt::ddm detector;
  for (int i = 0; i < 100; ++i) {
    REQUIRE(detector.update(0) == alarm::none);
  }
  CHECK(detector.update(1) == alarm::drift);
}

TEST_CASE("ddm: with a floor a single error after a start without errors is no alarm") {
  redoubt::ddm detector{{.floor = true}};
  for (int i = 0; i < 100; ++i) {
    REQUIRE(detector.update(0) == alarm::none);
  }
  CHECK(detector.best_rate() == doctest::Approx(0.01));
  CHECK(detector.update(1) == alarm::none);
}

TEST_CASE("ddm: nothing alarms during the warm start") {
  redoubt::ddm detector{{.warm_start = 100}};
  for (int i = 0; i < 50; ++i) {
    REQUIRE(detector.update(0) == alarm::none);
  }
  for (int i = 0; i < 50; ++i) {
    REQUIRE(detector.update(1) == alarm::none);
  }
  CHECK(std::isinf(detector.best_rate()));
  CHECK(detector.statistic() == 0);
}

TEST_CASE("ddm: rate, best rate and alarms are those of a second pass over the prefix") {
  const std::uint64_t seed = 7;
  CAPTURE(seed);
  splitmix64 random{seed};
  redoubt::ddm detector;
  double errors = 0;
  double best_rate = 0;
  double best_deviation = 0;
  double best_sum = 1e9;
  for (int n = 1; n <= 3000; ++n) {
    const double bit = random.bit(n <= 1500 ? 0.2 : 0.4);
    errors += bit;
    const double rate = errors / n;
    const double deviation = std::sqrt(rate * (1 - rate) / n);
    const alarm said = detector.update(bit);
    if (n <= 30) {
      continue;
    }
    if (rate + deviation <= best_sum) {
      best_sum = rate + deviation;
      best_rate = rate;
      best_deviation = deviation;
    }
    const double excess = (rate + deviation - best_rate) / best_deviation;
    REQUIRE(detector.error_rate() == golden::near(rate));
    REQUIRE(detector.best_rate() == golden::near(best_rate));
    REQUIRE(detector.best_deviation() == golden::near(best_deviation));
    REQUIRE(detector.statistic() == golden::near(excess));
    REQUIRE(said == (excess > 3 ? alarm::drift : excess > 2 ? alarm::warning : alarm::none));
    if (said == alarm::drift) {
      return;
    }
  }
  FAIL("no alarm");
}

TEST_CASE("ddm: fewer errors than before never alarm") {
  redoubt::ddm detector;
  splitmix64 random{3};
  for (int i = 0; i < 400; ++i) {
    detector.update(random.bit(0.5));
  }
  detector.reset();
  for (int i = 0; i < 400; ++i) {
    REQUIRE(detector.update(i % 2) != alarm::drift);
  }
  for (int i = 0; i < 4000; ++i) {
    REQUIRE(detector.update(0) == alarm::none);
  }
}

TEST_CASE("ddm: the warning zone ends with the alarm") {
  redoubt::ddm detector;
  const auto bits = golden::stream("bits_up");
  for (const double bit : bits) {
    const alarm said = detector.update(bit);
    REQUIRE(detector.in_warning_zone() == (said == alarm::warning));
  }
}

TEST_CASE("ddm: options out of range are refused by name") {
  CHECK_THROWS_WITH_AS(redoubt::ddm{{.warm_start = -1}}, "ddm: warm_start must be at least 0, got -1",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS((redoubt::ddm{{.warning_threshold = 3, .drift_threshold = 2}}),
                       "ddm: drift_threshold must exceed warning_threshold (3), got 2", std::invalid_argument);
  CHECK_THROWS_AS(redoubt::ddm{{.warning_threshold = 0}}, std::invalid_argument);
  CHECK_THROWS_AS(redoubt::ddm{{.drift_threshold = std::nan("")}}, std::invalid_argument);
}

TEST_CASE("ddm: a value between 0 and 1 is no error bit") {
  redoubt::ddm detector;
  CHECK_THROWS_WITH_AS(detector.update(0.5), "ddm: a value must be 0 (right) or 1 (an error), got 0.5",
                       std::invalid_argument);
}

TEST_CASE("ddm: alarms and warnings are river's") {
  golden::check_alarms<redoubt::ddm>("expect_river.csv", "DDM", named_options, 12);
}

TEST_CASE("ddm: inner states follow the reference trace") {
  golden::check_traces<redoubt::ddm>("DDM", named_options, 120, [](const redoubt::ddm& detector, const auto& row) {
    CHECK(static_cast<double>(detector.count()) == golden::value_of(row, "n"));
    CHECK(detector.error_rate() == golden::near(golden::value_of(row, "p")));
    if (detector.count() > detector.options().warm_start) {
      CHECK(detector.best_rate() == golden::near(golden::value_of(row, "p_min")));
      CHECK(detector.best_deviation() == golden::near(golden::value_of(row, "s_min")));
    }
  });
}

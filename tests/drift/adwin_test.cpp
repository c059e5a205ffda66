#include <redoubt/drift/adwin.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "golden_checks.hpp"
#include "splitmix64.hpp"

using redoubt::after_alarm;
using redoubt::alarm;

namespace {

const std::map<std::string, redoubt::adwin_options> named_options{
    {"default", {}},
    {"delta=0.05;clock=1", {.delta = 0.05, .clock = 1}},
    {"delta=0.002;clock=8;max_buckets=10;min_window_length=10;grace_period=50",
     {.delta = 0.002, .clock = 8, .max_buckets = 10, .min_window_length = 10, .grace_period = 50}}};

}  // namespace

TEST_CASE("adwin: a window that grew without change keeps its width") {
  redoubt::adwin detector{{.clock = 1}};
  for (int n = 1; n <= 5000; ++n) {
    REQUIRE(detector.update(0.1) == alarm::none);
    REQUIRE(detector.width() == n);
  }
  CHECK(detector.mean() == doctest::Approx(0.1));
  CHECK(detector.variance() == doctest::Approx(0));
}

TEST_CASE("adwin: the window holds the newest values: its sum and variance are theirs") {
  const std::uint64_t seed = 23;
  CAPTURE(seed);
  splitmix64 random{seed};
  redoubt::adwin detector{{.delta = 0.05, .clock = 1, .on_alarm = after_alarm::keep_tail}};
  std::vector<double> bits;
  int alarms = 0;
  for (int i = 0; i < 4000; ++i) {
    bits.push_back(random.bit((i / 700) % 2 == 0 ? 0.1 : 0.6));
    alarms += detector.update(bits.back()) == alarm::drift ? 1 : 0;
    const auto width = static_cast<std::ptrdiff_t>(detector.width());
    const double sum = std::accumulate(bits.end() - width, bits.end(), 0.0);
    const double mean = sum / static_cast<double>(width);
    REQUIRE(detector.sum() == sum);
    REQUIRE(detector.variance() == doctest::Approx(mean * (1 - mean)));
  }
  CHECK(alarms > 5);
}

TEST_CASE("adwin: keep_tail ends with the values after the change alone, restart forgets them too") {
  redoubt::adwin keeping{{.clock = 1, .on_alarm = after_alarm::keep_tail}};
  redoubt::adwin restarting{{.clock = 1}};
  for (int i = 0; i < 1000; ++i) {
    keeping.update(0);
    restarting.update(0);
  }
  int alarms = 0;
  for (int i = 0; i < 500; ++i) {
    keeping.update(1);
    alarms += restarting.update(1) == alarm::drift ? 1 : 0;
  }
  CHECK(alarms == 1);
  CHECK(restarting.mean() == 1);
  CHECK(restarting.width() < 500);
  CHECK(keeping.mean() > 0.97);
  CHECK(keeping.width() >= 500);
}

TEST_CASE("adwin: it looks every `clock` values and only past the grace period") {
  redoubt::adwin detector{{.clock = 10, .grace_period = 60}};
  for (int n = 1; n <= 200; ++n) {
    const alarm said = detector.update(n <= 30 ? 0 : 1);
    if (said == alarm::drift) {
      CHECK(n == 70);
      return;
    }
  }
  FAIL("no alarm");
}

TEST_CASE("adwin: the comparison without roots and divisions is the published one") {
  // With max_buckets large nothing merges, so every border between two values is one of the window's.
  const std::uint64_t seed = 31;
  CAPTURE(seed);
  splitmix64 random{seed};
  for (int round = 0; round < 20; ++round) {
    redoubt::adwin detector{{.delta = 0.1, .clock = 1, .max_buckets = 1000}};
    std::vector<double> values;
    for (int i = 0; i < 300; ++i) {
      values.push_back(random.uniform() * (i < 100 ? 1 : 1.6));
      const auto width = static_cast<double>(values.size());
      const double sum = std::accumulate(values.begin(), values.end(), 0.0);
      double variance = 0;
      for (const double value : values) {
        variance += (value - sum / width) * (value - sum / width) / width;
      }
      const double log_term = std::log(2 * std::log(width) / 0.1);
      bool differ = false;
      double older_sum = 0;
      for (std::size_t n0 = 1; n0 < values.size(); ++n0) {
        older_sum += values[n0 - 1];
        const auto older = static_cast<double>(n0);
        const double newer = width - older;
        if (older < 5 || newer < 5) {
          continue;
        }
        const double m = 1 / (older - 4) + 1 / (newer - 4);
        const double bound = std::sqrt(2 * m * variance * log_term) + 2.0 / 3 * log_term * m;
        differ = differ || std::abs(older_sum / older - (sum - older_sum) / newer) > bound;
      }
      const bool alarmed = detector.update(values.back()) == alarm::drift;
      REQUIRE(alarmed == (differ && width > 10));
      if (alarmed) {
        break;
      }
    }
  }
}

TEST_CASE("adwin: a stream far from zero alarms where the same stream at zero does") {
  redoubt::adwin near_zero{{.clock = 1}};
  redoubt::adwin far_off{{.clock = 1}};
  splitmix64 random{41};
  for (int i = 0; i < 3000; ++i) {
    const double value = random.uniform() + (i < 1500 ? 0 : 0.5);
    REQUIRE(near_zero.update(value) == far_off.update(value + 1e6));
  }
}

TEST_CASE("adwin: options out of range are refused by name") {
  CHECK_THROWS_WITH_AS(redoubt::adwin{{.delta = 2}}, "adwin: delta must lie strictly between 0 and 1, got 2",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(redoubt::adwin{{.clock = 0}}, "adwin: clock must be at least 1, got 0", std::invalid_argument);
  CHECK_THROWS_AS(redoubt::adwin{{.max_buckets = 0}}, std::invalid_argument);
  CHECK_THROWS_AS(redoubt::adwin{{.min_window_length = 0}}, std::invalid_argument);
  CHECK_THROWS_AS(redoubt::adwin{{.grace_period = -1}}, std::invalid_argument);
}

TEST_CASE("adwin: alarms are river's") {
  golden::check_alarms<redoubt::adwin>("expect_river.csv", "ADWIN", named_options, 30);
}

TEST_CASE("adwin: keep_tail alarms where the paper's form does, and ends with its window") {
  std::size_t checked = 0;
  for (const auto& row : golden::rows("expect_paper_variants.csv")) {
    if (row[1] != "ADWIN_paper") {
      continue;
    }
    CAPTURE(row[0]);
    CAPTURE(row[2]);
    const bool slow = row[2] == "delta=.002;clock=32";
    redoubt::adwin detector{{.delta = slow ? 0.002 : 0.01, .clock = slow ? 32 : 1, .on_alarm = after_alarm::keep_tail}};
    std::vector<std::size_t> drift;
    const auto values = golden::stream(row[0]);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (detector.update(values[i]) == alarm::drift) {
        drift.push_back(i);
      }
    }
    const auto final_state = golden::split(row[5], ';');
    CHECK(drift == golden::indices(row[3]));
    CHECK(static_cast<double>(detector.width()) == golden::value_of(final_state, "width"));
    CHECK(detector.sum() == golden::near(golden::value_of(final_state, "sum")));
    CHECK(detector.variance() * static_cast<double>(detector.width()) ==
          golden::near(golden::value_of(final_state, "m2")));
    ++checked;
  }
  CHECK(checked == 20);
}

TEST_CASE("adwin: inner states follow the reference trace") {
  golden::check_traces<redoubt::adwin>(
      "ADWIN", named_options, 300, [](const redoubt::adwin& detector, const auto& row) {
        CHECK(static_cast<double>(detector.width()) == golden::value_of(row, "width"));
        CHECK(detector.sum() == golden::near(golden::value_of(row, "sum")));
        CHECK(detector.variance() * static_cast<double>(detector.width()) == golden::near(golden::value_of(row, "m2")));
      });
}

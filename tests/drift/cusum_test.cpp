#include <redoubt/drift/cusum.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "splitmix64.hpp"

using redoubt::alarm;
using redoubt::direction;

TEST_CASE("cusum: an excess of one a value passes a threshold of five at the sixth") {
  redoubt::cusum detector{{.target = 2, .slack = 0.5, .threshold = 5}};
  for (int t = 1; t <= 5; ++t) {
    REQUIRE(detector.update(3.5) == alarm::none);
    REQUIRE(detector.rise() == t);
  }
  CHECK(detector.update(3.5) == alarm::drift);
  CHECK(detector.statistic() == 6);
}

TEST_CASE("cusum: what lies within the slack adds up to nothing") {
  redoubt::cusum detector{{.target = 1, .slack = 0.25, .threshold = 0.5}};
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(detector.update(i % 2 == 0 ? 1.25 : 0.75) == alarm::none);
    REQUIRE(detector.statistic() == 0);
  }
}

TEST_CASE("cusum: U is the largest sum of excess over any stretch that ends now") {
  const std::uint64_t seed = 17;
  CAPTURE(seed);
  splitmix64 random{seed};
  redoubt::cusum detector{{.target = 0.5, .slack = 0.01, .threshold = 1e9}};
  std::vector<double> values;
  for (int n = 0; n < 300; ++n) {
    values.push_back(random.uniform());
    detector.update(values.back());
    double best_rise = 0;
    double best_fall = 0;
    double rise = 0;
    double fall = 0;
    for (std::size_t i = values.size(); i-- > 0;) {
      rise += values[i] - 0.51;
      fall += 0.49 - values[i];
      best_rise = std::max(best_rise, rise);
      best_fall = std::max(best_fall, fall);
    }
    REQUIRE(detector.rise() == doctest::Approx(best_rise));
    REQUIRE(detector.fall() == doctest::Approx(best_fall));
    REQUIRE(detector.statistic() == std::max(detector.rise(), detector.fall()));
  }
}

TEST_CASE("cusum: mode says which change alarms") {
  for (const double value : {3.0, -3.0}) {
    redoubt::cusum up{{.mode = direction::up}};
    redoubt::cusum down{{.mode = direction::down}};
    redoubt::cusum both;
    for (int i = 0; i < 2; ++i) {
      up.update(value);
      down.update(value);
      both.update(value);
    }
    CHECK((up.update(value) == alarm::drift) == (value > 0));
    CHECK((down.update(value) == alarm::drift) == (value < 0));
    CHECK(both.update(value) == alarm::drift);
  }
}

TEST_CASE("cusum: options out of range are refused by name") {
  CHECK_THROWS_WITH_AS(redoubt::cusum{{.slack = -1}}, "cusum: slack must be at least 0, got -1", std::invalid_argument);
  CHECK_THROWS_WITH_AS(redoubt::cusum{{.threshold = 0}}, "cusum: threshold must be positive, got 0",
                       std::invalid_argument);
  CHECK_THROWS_AS(redoubt::cusum{{.target = std::numeric_limits<double>::infinity()}}, std::invalid_argument);
}

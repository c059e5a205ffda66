#include <redoubt/drift/eddm.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "golden_checks.hpp"
#include "splitmix64.hpp"

using redoubt::alarm;

namespace {

const std::map<std::string, redoubt::eddm_options> named_options{
    {"default", {}}, {"warm_start=30;alpha=0.8;beta=0.75", {.warm_start = 30, .alpha = 0.8, .beta = 0.75}}};

}  // namespace

TEST_CASE("eddm: errors at equal distances never alarm") {
  redoubt::eddm detector;
  for (int i = 1; i <= 5000; ++i) {
    REQUIRE(detector.update(i % 10 == 0 ? 1 : 0) == alarm::none);
  }
  CHECK(detector.mean_distance() == doctest::Approx(10));
  CHECK(detector.errors() == 500);
  CHECK(detector.statistic() == doctest::Approx(1));
}

TEST_CASE("eddm: a stream without errors never alarms") {
  redoubt::eddm detector;
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(detector.update(0) == alarm::none);
  }
  CHECK(detector.statistic() == 1);
  CHECK(detector.greatest_level() == -1);
}

TEST_CASE("eddm: the level is that of a second pass over the distances, in both forms") {
  for (const redoubt::variant form : {redoubt::variant::river, redoubt::variant::paper}) {
    const std::uint64_t seed = 11;
    CAPTURE(seed);
    splitmix64 random{seed};
    redoubt::eddm detector{{.alpha = 0.2, .beta = 0.1, .form = form}};
    std::vector<double> distances;
    double greatest = -1;
    int last = 0;
    for (int n = 1; n <= 2000; ++n) {
      const double bit = random.bit(0.1);
      REQUIRE(detector.update(bit) == alarm::none);
      if (bit == 0) {
        continue;
      }
      distances.push_back(n - last);
      last = n;
      double sum = 0;
      double squares = 0;
      for (const double each : distances) {
        sum += each;
      }
      const auto count = static_cast<double>(distances.size());
      for (const double each : distances) {
        squares += (each - sum / count) * (each - sum / count);
      }
      const double divisor = form == redoubt::variant::river ? std::max(count - 1, 1.0) : count;
      const double level = sum / count + 2 * std::sqrt(squares / divisor);
      if (n > 30) {
        greatest = std::max(greatest, level);
        REQUIRE(detector.greatest_level() == golden::near(greatest));
        REQUIRE(detector.statistic() == golden::near(level / greatest));
      }
    }
  }
}

TEST_CASE("eddm: a warning lasts through right answers until an error clears it") {
  redoubt::eddm detector;
  alarm before = alarm::none;
  for (const double bit : golden::stream("bits_up")) {
    const alarm said = detector.update(bit);
    if (bit == 0) {
      REQUIRE(said == (before == alarm::drift ? alarm::none : before));
    }
    before = said;
  }
}

TEST_CASE("eddm: options out of range are refused by name") {
  CHECK_THROWS_WITH_AS((redoubt::eddm{{.alpha = 0.8, .beta = 0.9}}),
                       "eddm: alpha must lie in [beta, 1] = [0.9, 1], got 0.8", std::invalid_argument);
  CHECK_THROWS_AS(redoubt::eddm{{.beta = 0}}, std::invalid_argument);
  CHECK_THROWS_AS(redoubt::eddm{{.warm_start = -1}}, std::invalid_argument);
}

TEST_CASE("eddm: alarms and warnings are river's") {
  golden::check_alarms<redoubt::eddm>("expect_river.csv", "EDDM", named_options, 12);
}

TEST_CASE("eddm: the paper's form alarms where the reference does") {
  const std::map<std::string, redoubt::eddm_options> paper{{"default", {.form = redoubt::variant::paper}}};
  golden::check_alarms<redoubt::eddm>("expect_paper_variants.csv", "EDDM_pop_sd", paper, 6);
}

TEST_CASE("eddm: inner states follow the reference trace") {
  golden::check_traces<redoubt::eddm>("EDDM", named_options, 120, [](const redoubt::eddm& detector, const auto& row) {
    CHECK(static_cast<double>(detector.count()) == golden::value_of(row, "n"));
    CHECK(static_cast<double>(detector.errors()) == golden::value_of(row, "errors"));
    CHECK(detector.mean_distance() == golden::near(golden::value_of(row, "mean_dist")));
    CHECK(detector.greatest_level() == golden::near(golden::value_of(row, "max")));
  });
}

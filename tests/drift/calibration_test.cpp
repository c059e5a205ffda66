#include <redoubt/drift/calibration.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <redoubt/drift/cusum.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "splitmix64.hpp"

using redoubt::alarm;
using redoubt::cusum_threshold;
using redoubt::direction;

namespace {

std::vector<double> gaussian_scores(std::size_t count, double mean, double deviation, std::uint64_t seed) {
  splitmix64 random{seed};
  std::vector<double> scores;
  for (std::size_t i = 0; i < count; ++i) {
    const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
    scores.push_back(mean + deviation * radius * std::cos(2 * std::numbers::pi * random.uniform()));
  }
  return scores;
}

/// How many values a CUSUM over draws from `scores` lasts until an alarm, on average over `alarms` of them.
double simulated_run_length(const std::vector<double>& scores, double slack, double threshold, int alarms,
                            std::uint64_t seed) {
  splitmix64 random{seed};
  redoubt::cusum detector{{.target = 0, .slack = slack, .threshold = threshold, .mode = direction::up}};
  std::int64_t values = 0;
  for (int seen = 0; seen < alarms; ++values) {
    const auto which = static_cast<std::size_t>(random.uniform() * static_cast<double>(scores.size()));
    seen += detector.update(scores[which]) == alarm::drift ? 1 : 0;
  }
  return static_cast<double>(values) / alarms;
}

/// The mean time of a walk of steps +1 (with chance `up`) and -1, held at 0 from below, from 0 to `level`.
double walk_time(double up, int level) {
  double total = 0;
  double one_more = 0;
  for (int from = 0; from < level; ++from) {
    one_more = from == 0 ? 1 / up : 1 / up + (1 - up) / up * one_more;
    total += one_more;
  }
  return total;
}

/// What the calibration says of arguments that it does not take.
std::string refusal(const std::vector<double>& scores, const redoubt::calibration_options& options) {
  try {
    return "threshold " + std::to_string(cusum_threshold(scores, options));
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("cusum_threshold: over Gaussian scores the run length is the one asked for, within a factor of 2") {
  const std::uint64_t seed = 41;
  CAPTURE(seed);
  const std::vector<double> scores = gaussian_scores(3000, -0.5, 1, seed);
  for (const double asked : {100., 1000., 10000.}) {
    CAPTURE(asked);
    const double threshold = cusum_threshold(scores, {.run_length = asked});
    CAPTURE(threshold);
    const double seen = simulated_run_length(scores, 0, threshold, 200, seed + 1);
    CHECK(seen > asked / 2);
    CHECK(seen < asked * 2);
  }
}

TEST_CASE("cusum_threshold: over scores of +1 and -1 the run length, in closed form, is within a factor of 2") {
  // 9 of 20 scores are +1. A walk above a whole threshold h has reached h + 1.
  std::vector<double> scores(20, -1);
  std::fill_n(scores.begin(), 9, 1);
  for (const double asked : {300., 3000., 30000.}) {
    CAPTURE(asked);
    const double threshold = cusum_threshold(scores, {.run_length = asked});
    REQUIRE(threshold == std::floor(threshold));
    const double expected = walk_time(0.45, static_cast<int>(threshold) + 1);
    CHECK(expected > asked / 2);
    CHECK(expected < asked * 2);
    if (asked < 10000) {
      CHECK(simulated_run_length(scores, 0, threshold, 300, 5) == doctest::Approx(expected).epsilon(0.25));
    }
  }
}

TEST_CASE("cusum_threshold: over log-likelihood ratios ten times the run length costs log(10)") {
  // Scores N(-d^2/2, d^2) are the log-likelihood ratio of a shift by d: excursions above h are exp(-h) as frequent.
  const std::vector<double> scores = gaussian_scores(20000, -0.5, 1, 7);
  const double shorter = cusum_threshold(scores, {.run_length = 1e3, .excursions = 200});
  const double longer = cusum_threshold(scores, {.run_length = 1e4, .excursions = 200});
  CHECK(longer - shorter == doctest::Approx(std::log(10.)).epsilon(0.15));
}

TEST_CASE("cusum_threshold: a slack is what is taken off each score") {
  // Eighths, so that the difference is exact.
  const std::vector<double> scores{-1.125, 0.5, 0.875, -0.25, -2};
  std::vector<double> less = scores;
  for (double& score : less) {
    score -= 0.125;
  }
  CHECK(cusum_threshold(scores, {.run_length = 1000, .slack = 0.125}) == cusum_threshold(less, {.run_length = 1000}));
}

TEST_CASE("cusum_threshold grows with the run length, and repeats with its seed") {
  const std::vector<double> scores = gaussian_scores(500, -0.3, 1, 2);
  double before = 0;
  for (const double asked : {10., 100., 1000., 10000.}) {
    const double threshold = cusum_threshold(scores, {.run_length = asked, .seed = 3});
    CHECK(threshold > before);
    CHECK(cusum_threshold(scores, {.run_length = asked, .seed = 3}) == threshold);
    before = threshold;
  }
  CHECK(cusum_threshold(scores, {.run_length = 1000, .seed = 4}) !=
        cusum_threshold(scores, {.run_length = 1000, .seed = 5}));
}

TEST_CASE("cusum_threshold is zero where no sum ever leaves zero") {
  CHECK(cusum_threshold(std::vector<double>{-1, -0.5, 0}, {.run_length = 1000}) == 0);
}

TEST_CASE("cusum_threshold refuses scores that climb without a change") {
  CHECK(refusal({1, 2}, {}) ==
        "cusum_threshold: the healthy scores have mean 1.5, not below the slack 0: the detector cannot tell healthy "
        "from attacked");
  CHECK(refusal({0.5, 0.5}, {.slack = 0.5}) ==
        "cusum_threshold: the healthy scores have mean 0.5, not below the slack 0.5: the detector cannot tell healthy "
        "from attacked");
  CHECK(refusal({-1, std::numeric_limits<double>::quiet_NaN()}, {}).find("mean nan") != std::string::npos);
}

TEST_CASE("cusum_threshold refuses options out of range") {
  CHECK(refusal({}, {}) == "cusum_threshold: needs healthy scores");
  CHECK(refusal({-1}, {.run_length = 0.5}) ==
        "cusum_threshold: run_length and excursions must be at least 1, got 0.5 and 20");
  CHECK(refusal({-1}, {.excursions = 0}) ==
        "cusum_threshold: run_length and excursions must be at least 1, got 1e+06 and 0");
}

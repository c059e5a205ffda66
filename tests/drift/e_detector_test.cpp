#include <redoubt/drift/e_detector.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "golden_checks.hpp"
#include "splitmix64.hpp"

using redoubt::alarm;

namespace {

redoubt::e_detector_options golden_options(const std::string& stream) {
  if (stream == "unit_conf") {
    return {.healthy = 0.3, .lambdas = {0.25, 0.5, 1, 2}, .run_length = 1000};
  }
  return {.healthy = 0.12, .lambdas = {0.25, 0.5, 1, 2, 4}, .run_length = 1000};
}

/// The losses of a golden stream: confidences are turned into losses.
std::vector<double> losses(const std::string& name) {
  std::vector<double> values = golden::stream(name);
  if (name == "unit_conf") {
    for (double& value : values) {
      value = 1 - value;
    }
  }
  return values;
}

/// Mean number of values until an alarm and its standard error; `next(random, detector)` draws a healthy value.
template <class Next>
std::pair<double, double> mean_run(redoubt::e_sr detector, int runs, std::uint64_t seed, Next next) {
  splitmix64 random{seed};
  double sum = 0;
  double squares = 0;
  for (int run = 0; run < runs; ++run) {
    detector.reset();
    double length = 1;
    while (detector.update(next(random, detector)) != alarm::drift) {
      ++length;
    }
    sum += length;
    squares += length * length;
  }
  const double mean = sum / runs;
  return {mean, std::sqrt((squares / runs - mean * mean) / runs)};
}

}  // namespace

TEST_CASE("e_sr: on ones it is a geometric series, e_cusum a power") {
  const double factor = 1 + 2 * (1 - 0.2);
  redoubt::e_sr sr{{.healthy = 0.2, .lambdas = {2}, .run_length = 1e6}};
  redoubt::e_cusum cusum{{.healthy = 0.2, .lambdas = {2}, .run_length = 1e6}};
  for (int t = 1; t <= 12; ++t) {
    sr.update(1);
    cusum.update(1);
    CHECK(sr.statistic() == doctest::Approx(factor * (std::pow(factor, t) - 1) / (factor - 1)));
    CHECK(cusum.statistic() == doctest::Approx(std::pow(factor, t)));
  }
}

TEST_CASE("e_cusum: on zeros it stays at its floor, e_sr at its fixed point") {
  const double factor = 1 - 2 * 0.2;
  redoubt::e_sr sr{{.healthy = 0.2, .lambdas = {2}}};
  redoubt::e_cusum cusum{{.healthy = 0.2, .lambdas = {2}}};
  for (int t = 0; t < 200; ++t) {
    sr.update(0);
    cusum.update(0);
    REQUIRE(cusum.statistic() == doctest::Approx(factor));
  }
  CHECK(sr.statistic() == doctest::Approx(factor / (1 - factor)));
}

TEST_CASE("e_sr: over all bit sequences of the largest healthy mean the expected evidence is the number of values") {
  // Why the run length holds: M_t - t is a martingale, so an alarm at M >= c takes c values on average.
  const int steps = 12;
  const double healthy = 0.3;
  double expected = 0;
  for (unsigned path = 0; path < (1U << steps); ++path) {
    redoubt::e_sr detector{{.healthy = healthy, .run_length = 1e12}};
    double chance = 1;
    for (int t = 0; t < steps; ++t) {
      const bool error = ((path >> t) & 1U) != 0;
      chance *= error ? healthy : 1 - healthy;
      detector.update(error ? 1 : 0);
    }
    expected += chance * detector.statistic();
  }
  CHECK(expected == golden::near(steps));
}

TEST_CASE("e_cusum: it never exceeds e_sr") {
  splitmix64 random{13};
  redoubt::e_sr sr{{.healthy = 0.2, .run_length = 1e15}};
  redoubt::e_cusum cusum{{.healthy = 0.2, .run_length = 1e15}};
  for (int t = 0; t < 2000; ++t) {
    const double loss = random.uniform() * 0.4;
    sr.update(loss);
    cusum.update(loss);
    REQUIRE(cusum.statistic() <= sr.statistic());
  }
}

TEST_CASE("e_sr: independent errors at the largest healthy rate last the promised run length on average") {
  for (const std::uint64_t seed : {1U, 2U}) {
    CAPTURE(seed);
    const auto [mean, error] = mean_run(redoubt::e_sr{{.healthy = 0.12, .run_length = 1000}}, 1000, seed,
                                        [](splitmix64& random, const redoubt::e_sr&) { return random.bit(0.12); });
    MESSAGE("seed " << seed << ": mean run " << mean << " +- " << error << ", promised 1000");
    CHECK(mean > 1000 - 3 * error);
    CHECK(mean < 2000);
  }
}

TEST_CASE("e_sr: dependent values chosen against the detector last the promised run length too") {
  // Each value's mean given the past is 0.12, but its spread follows the evidence: calm while there is none, wild
  // after.
  const std::uint64_t seed = 3;
  CAPTURE(seed);
  const auto [mean, error] = mean_run(redoubt::e_sr{{.healthy = 0.12, .run_length = 1000}}, 1000, seed,
                                      [](splitmix64& random, const redoubt::e_sr& detector) {
                                        const double high = detector.statistic() > 20 ? 1.0 : 0.24;
                                        return high * random.bit(0.12 / high);
                                      });
  MESSAGE("seed " << seed << ": mean run " << mean << " +- " << error << ", promised 1000");
  CHECK(mean > 1000 - 3 * error);
}

TEST_CASE("e_sr: a collapse to nine errors in ten is found within 12 values in the median") {
  const std::uint64_t seed = 4;
  CAPTURE(seed);
  splitmix64 random{seed};
  std::vector<int> delays;
  for (int run = 0; run < 201; ++run) {
    redoubt::e_sr detector{{.healthy = 0.15, .run_length = 10000}};
    for (int i = 0; i < 500; ++i) {
      detector.update(random.bit(0.1));
    }
    int delay = 1;
    while (detector.update(random.bit(0.9)) != alarm::drift) {
      ++delay;
    }
    delays.push_back(delay);
  }
  std::nth_element(delays.begin(), delays.begin() + 100, delays.end());
  CHECK(delays[100] <= 12);
}

TEST_CASE("e_detector: the default bets follow from the healthy mean and are shown") {
  const redoubt::e_sr detector{{.healthy = 0.25}};
  CHECK(detector.options().lambdas == std::vector<double>{0.25, 0.5, 1, 2, 3.5});
  CHECK(detector.evidence().size() == 5);
}

TEST_CASE("e_detector: without a healthy mean it refuses to start") {
  CHECK_THROWS_WITH_AS(redoubt::e_sr{{}}, "e_sr: healthy has to be given: the largest mean of a healthy stream",
                       std::invalid_argument);
}

TEST_CASE("e_detector: options out of range are refused by name") {
  CHECK_THROWS_WITH_AS((redoubt::e_cusum{{.healthy = 0.2, .lambdas = {1, 6}}}),
                       "e_cusum: each of lambdas must lie in (0, 1 / healthy) = (0, 5), got 6", std::invalid_argument);
  CHECK_THROWS_AS(redoubt::e_sr{{.healthy = 1}}, std::invalid_argument);
  CHECK_THROWS_AS(redoubt::e_sr{{.healthy = 0}}, std::invalid_argument);
  CHECK_THROWS_AS((redoubt::e_sr{{.healthy = 0.1, .run_length = 0.5}}), std::invalid_argument);
}

TEST_CASE("e_detector: evidence and alarms are the reference's") {
  std::size_t checked = 0;
  for (const auto& row : golden::rows("expect_edetector_alarms.csv")) {
    CAPTURE(row[0]);
    const auto values = losses(row[0]);
    CHECK(golden::replay(redoubt::e_sr{golden_options(row[0])}, values).drift == golden::indices(row[3]));
    CHECK(golden::replay(redoubt::e_cusum{golden_options(row[0])}, values).drift == golden::indices(row[4]));
    ++checked;
  }
  CHECK(checked == 7);

  checked = 0;
  for (const auto& row : golden::rows("expect_edetector.csv")) {
    CAPTURE(row[0]);
    CAPTURE(row[1]);
    redoubt::e_sr sr{golden_options(row[0])};
    redoubt::e_cusum cusum{golden_options(row[0])};
    const auto values = losses(row[0]);
    for (std::size_t i = 0; i <= std::stoul(row[1]); ++i) {
      sr.update(values[i]);
      cusum.update(values[i]);
    }
    // Relative to the value itself, not to 1: evidence may be small.
    CHECK(std::abs(sr.statistic() - std::stod(row[2])) <= 1e-9 * std::stod(row[2]));
    CHECK(std::abs(cusum.statistic() - std::stod(row[3])) <= 1e-9 * std::stod(row[3]));
    ++checked;
  }
  CHECK(checked == 174);
}

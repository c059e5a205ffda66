#include <redoubt/drift/windowed_ks.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <redoubt/drift/detector.hpp>
#include <stdexcept>
#include <vector>

#include "splitmix64.hpp"

using redoubt::alarm;

static_assert(redoubt::a_detector<redoubt::windowed_ks>);

namespace {

std::vector<double> uniforms(std::size_t count, std::uint64_t seed) {
  splitmix64 random{seed};
  std::vector<double> values(count);
  for (double& value : values) {
    value = random.uniform();
  }
  return values;
}

}  // namespace

TEST_CASE("windowed_ks: each test is ks_test of the newest window") {
  const std::uint64_t seed = 5;
  CAPTURE(seed);
  const std::vector<double> reference = uniforms(500, seed);
  std::vector<double> stream = uniforms(400, seed + 1);
  for (double& value : stream) {
    value *= 0.9;
  }
  redoubt::windowed_ks detector{reference, {.window = 60, .stride = 25, .level = 1e-12}};
  for (std::size_t i = 0; i < stream.size(); ++i) {
    REQUIRE(detector.update(stream[i]) == alarm::none);
    if ((i + 1) % 25 == 0 && i + 1 >= 60) {
      const std::vector<double> newest(stream.begin() + static_cast<std::ptrdiff_t>(i + 1 - 60),
                                       stream.begin() + static_cast<std::ptrdiff_t>(i + 1));
      REQUIRE(detector.statistic() == redoubt::ks_test(newest, reference).p_value);
    }
  }
}

TEST_CASE("windowed_ks: says nothing before a window is full, and starts afresh after an alarm") {
  redoubt::windowed_ks detector{uniforms(300, 1), {.window = 40, .stride = 10, .level = 1e-6}};
  for (int i = 1; i < 40; ++i) {
    REQUIRE(detector.update(7) == alarm::none);
  }
  CHECK(detector.update(7) == alarm::drift);
  CHECK(detector.statistic() < 1e-6);
  for (int i = 1; i < 40; ++i) {
    REQUIRE(detector.update(7) == alarm::none);
  }
  CHECK(detector.update(7) == alarm::drift);
}

TEST_CASE("windowed_ks: a healthy stream of 200,000 raises no alarm at its default level") {
  const std::uint64_t seed = 11;
  CAPTURE(seed);
  redoubt::windowed_ks detector{uniforms(3000, seed), {.stride = 200}};
  splitmix64 random{seed + 1};
  for (int i = 0; i < 200000; ++i) {
    REQUIRE(detector.update(random.uniform()) == alarm::none);
  }
}

TEST_CASE("windowed_ks: refuses what it cannot test") {
  CHECK_THROWS_AS(redoubt::windowed_ks{std::vector<double>{}}, std::invalid_argument);
  CHECK_THROWS_AS((redoubt::windowed_ks{{1.0}, {.window = 0}}), std::invalid_argument);
  CHECK_THROWS_AS((redoubt::windowed_ks{{1.0}, {.stride = 0}}), std::invalid_argument);
  CHECK_THROWS_WITH_AS((redoubt::windowed_ks{{1.0}, {.level = 1.5}}), doctest::Contains("1.5"), std::invalid_argument);
  redoubt::windowed_ks detector{std::vector<double>{1, 2}};
  CHECK_THROWS_AS(detector.update(std::numeric_limits<double>::quiet_NaN()), std::invalid_argument);
}

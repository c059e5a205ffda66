#include <redoubt/drift/ks_test.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "golden_checks.hpp"
#include "splitmix64.hpp"

using redoubt::ks_alternative;
using redoubt::ks_method;

namespace {

/// The statistics of all orders of m + n different values, by their definition.
std::vector<double> all_statistics(unsigned m, unsigned n) {
  std::vector<double> found;
  for (unsigned order = 0; order < (1U << (m + n)); ++order) {
    if (std::popcount(order) != static_cast<int>(m)) {
      continue;
    }
    double f = 0;
    double g = 0;
    double largest = 0;
    for (unsigned k = 0; k < m + n; ++k) {
      (((order >> k) & 1U) != 0 ? f : g) += 1;
      largest = std::max(largest, std::abs(f / m - g / n));
    }
    found.push_back(largest);
  }
  return found;
}

std::vector<double> sample(splitmix64& random, int count, double shift) {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    values.push_back(random.uniform() + shift);
  }
  return values;
}

}  // namespace

TEST_CASE("ks_test: a sample against itself differs in nothing") {
  const std::vector<double> x{3, 1, 2, 2};
  for (const ks_method method : {ks_method::exact, ks_method::asymptotic}) {
    const auto result = redoubt::ks_test(x, x, {.method = method});
    CHECK(result.statistic == 0);
    CHECK(result.p_value == 1);
  }
}

TEST_CASE("ks_test: samples apart have the probability of the two extreme orders") {
  const std::vector<double> x{1, 2, 3, 4};
  const std::vector<double> y{5, 6, 7};
  const auto result = redoubt::ks_test(x, y);
  CHECK(result.statistic == 1);
  CHECK(result.p_value == doctest::Approx(2.0 / 35));
  CHECK(redoubt::ks_test(x, y, {.alternative = ks_alternative::greater}).p_value == doctest::Approx(1.0 / 35));
  CHECK(redoubt::ks_test(x, y, {.alternative = ks_alternative::less}).p_value == 1);
}

TEST_CASE("ks_test: exact p-values are shares of all orders of the pooled values") {
  for (const auto& [m, n] : {std::pair{5U, 5U}, std::pair{4U, 7U}, std::pair{6U, 9U}, std::pair{1U, 8U}}) {
    const std::vector<double> statistics = all_statistics(m, n);
    for (std::int64_t gap = 1; gap <= std::int64_t{m} * n; ++gap) {
      const double limit = static_cast<double>(gap) / (m * n);
      const auto count =
          std::count_if(statistics.begin(), statistics.end(), [limit](double each) { return each > limit - 1e-12; });
      REQUIRE(redoubt::detail::ks_exact_tail(m, n, gap, true) ==
              golden::near(static_cast<double>(count) / static_cast<double>(statistics.size())));
    }
  }
}

TEST_CASE("ks_test: the order of values, swapped samples and a rising map of all values change nothing") {
  const std::uint64_t seed = 19;
  CAPTURE(seed);
  splitmix64 random{seed};
  std::vector<double> x = sample(random, 40, 0);
  std::vector<double> y = sample(random, 55, 0.2);
  const auto result = redoubt::ks_test(x, y);
  const auto swapped = redoubt::ks_test(y, x);
  CHECK(swapped.statistic == result.statistic);
  CHECK(swapped.p_value == golden::near(result.p_value));
  std::reverse(x.begin(), x.end());
  for (std::vector<double>* values : {&x, &y}) {
    for (double& value : *values) {
      value = std::exp(3 * value);
    }
  }
  const auto mapped = redoubt::ks_test(x, y);
  CHECK(mapped.statistic == result.statistic);
  CHECK(mapped.p_value == result.p_value);
}

TEST_CASE("ks_test: less and greater are each other's with the samples swapped") {
  splitmix64 random{29};
  const std::vector<double> x = sample(random, 30, 0);
  const std::vector<double> y = sample(random, 20, 0.3);
  for (const ks_method method : {ks_method::exact, ks_method::asymptotic}) {
    const auto less = redoubt::ks_test(x, y, {.alternative = ks_alternative::less, .method = method});
    const auto greater = redoubt::ks_test(y, x, {.alternative = ks_alternative::greater, .method = method});
    CHECK(less.statistic == greater.statistic);
    CHECK(less.p_value == golden::near(greater.p_value));
  }
}

TEST_CASE("ks_test: Kolmogorov's two series agree where both are used") {
  // The published 5 % and 1 % points of the limit.
  CHECK(redoubt::detail::kolmogorov_limit_tail(1.3580986) == doctest::Approx(0.05).epsilon(1e-6));
  CHECK(redoubt::detail::kolmogorov_limit_tail(1.6276236) == doctest::Approx(0.01).epsilon(1e-6));
  const double below = redoubt::detail::kolmogorov_limit_tail(std::nextafter(1.0, 0.0));
  CHECK(below == doctest::Approx(redoubt::detail::kolmogorov_limit_tail(1.0)).epsilon(1e-12));
  CHECK(redoubt::detail::kolmogorov_limit_tail(0.05) == 1);
}

TEST_CASE("ks_test: the asymptotic p-value of some thousand values is near the exact one") {
  for (const double p : {0.5, 0.05, 0.001}) {
    const std::int64_t m = 1500;
    const std::int64_t n = 2203;
    const double z = std::sqrt(-0.5 * std::log(p / 2));
    const double statistic = z * std::sqrt(1.0 / m + 1.0 / n);
    const auto gap = static_cast<std::int64_t>(std::ceil(statistic * m * n));
    const double exact = redoubt::detail::ks_exact_tail(m, n, gap, true);
    CHECK(redoubt::detail::kolmogorov_tail(m, n, static_cast<double>(gap) / (m * n)) ==
          doctest::Approx(exact).epsilon(0.02));
  }
}

TEST_CASE("ks_test: samples of more than 10,000 values get the asymptotic p-value on their own") {
  splitmix64 random{37};
  const std::vector<double> x = sample(random, 10001, 0);
  const std::vector<double> y = sample(random, 500, 0.05);
  CHECK(redoubt::ks_test(x, y).p_value == redoubt::ks_test(x, y, {.method = ks_method::asymptotic}).p_value);
  CHECK(redoubt::ks_test(x, y).p_value < 0.2);
}

TEST_CASE("ks_test: an empty sample and a NaN are refused by the sample's name") {
  const std::vector<double> some{1, 2};
  CHECK_THROWS_WITH_AS((void)redoubt::ks_test({}, some), "ks_test: x is empty", std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)redoubt::ks_test(some, std::vector<double>{1, std::nan("")}), "ks_test: y holds a NaN",
                       std::invalid_argument);
}

TEST_CASE("ks_test: infinities are values like others") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(
      redoubt::ks_test(std::vector<double>{-infinity, infinity}, std::vector<double>{-infinity, infinity}).statistic ==
      0);
}

TEST_CASE("ks_test: statistics, exact and one-sided asymptotic p-values are scipy's") {
  std::size_t checked = 0;
  for (const auto& row : golden::rows("expect_pairs.csv")) {
    CAPTURE(row[0]);
    CAPTURE(row[1]);
    const auto bracket = row[1].find('[');
    const std::string quantity = row[1].substr(0, bracket);
    const std::size_t feature = std::stoul(row[1].substr(bracket + 1));
    const auto x = golden::column("pairs/" + row[0] + "_x.csv", feature);
    const auto y = golden::column("pairs/" + row[0] + "_y.csv", feature);
    const double expected = std::stod(row[2]);
    const ks_alternative side = quantity.ends_with("_less")      ? ks_alternative::less
                                : quantity.ends_with("_greater") ? ks_alternative::greater
                                                                 : ks_alternative::two_sided;
    const bool two_sided = side == ks_alternative::two_sided;
    const auto method = quantity == "ks_p_exact" ? ks_method::exact : ks_method::asymptotic;
    const auto result = redoubt::ks_test(x, y, {.alternative = side, .method = method});
    if (quantity.starts_with("ks_stat")) {
      CHECK(std::abs(result.statistic - expected) <= 1e-12);
    } else if (method == ks_method::exact) {
      CHECK(std::abs(result.p_value - expected) <= 1e-8 * expected);
    } else {
      // For two sides scipy rounds the effective size, 4 to 40 here, and takes the one-sample distribution there.
      CHECK(std::abs(result.p_value - expected) <= (two_sided ? 0.01 : 1e-12));
    }
    ++checked;
  }
  CHECK(checked == 182);
}

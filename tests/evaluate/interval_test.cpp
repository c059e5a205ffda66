#include <redoubt/evaluate/interval.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

using doctest::Approx;
using redoubt::clopper_pearson;
using redoubt::interval;

namespace {

/// P(X = k) for X binomial(n, p).
double binomial(std::int64_t n, std::int64_t k, double p) {
  if (p == 0 || p == 1) {
    return k == (p == 0 ? 0 : n) ? 1 : 0;
  }
  const auto a = static_cast<double>(k);
  const auto b = static_cast<double>(n - k);
  return std::exp(std::lgamma(a + b + 1) - std::lgamma(a + 1) - std::lgamma(b + 1) + a * std::log(p) +
                  b * std::log1p(-p));
}

/// P(from <= X <= to) for X binomial(n, p).
double binomial(std::int64_t n, std::int64_t from, std::int64_t to, double p) {
  double sum = 0;
  for (std::int64_t k = from; k <= to; ++k) {
    sum += binomial(n, k, p);
  }
  return sum;
}

}  // namespace

TEST_CASE("clopper_pearson: published values") {
  const interval half = clopper_pearson(5, 10);
  CHECK(half.lower == Approx(0.18709).epsilon(1e-4));
  CHECK(half.upper == Approx(0.81291).epsilon(1e-4));
  const interval none = clopper_pearson(0, 10);
  CHECK(none.lower == 0);
  CHECK(none.upper == Approx(0.30850).epsilon(1e-4));
}

TEST_CASE("clopper_pearson: no successes, or nothing else, have closed forms") {
  for (const std::int64_t n : {1, 2, 10, 1000, 100000}) {
    for (const double confidence : {0.5, 0.95, 0.999}) {
      const double expected = 1 - std::pow((1 - confidence) / 2, 1 / static_cast<double>(n));
      CHECK(clopper_pearson(0, n, confidence).lower == 0);
      CHECK(clopper_pearson(0, n, confidence).upper == Approx(expected).epsilon(1e-9));
      CHECK(clopper_pearson(n, n, confidence).lower == Approx(1 - expected).epsilon(1e-9));
      CHECK(clopper_pearson(n, n, confidence).upper == 1);
    }
  }
}

TEST_CASE("clopper_pearson: at its ends the binomial tail is half of what the confidence leaves") {
  struct counts {
    std::int64_t k;
    std::int64_t n;
  };
  for (const counts& seen :
       {counts{1, 7}, counts{3, 10}, counts{77, 100}, counts{1523, 2000}, counts{9999, 10000}, counts{7600, 10000}}) {
    const auto k = seen.k;
    const auto n = seen.n;
    for (const double confidence : {0.9, 0.95, 0.99}) {
      CAPTURE(k);
      CAPTURE(n);
      const interval found = clopper_pearson(k, n, confidence);
      CHECK(binomial(n, k, n, found.lower) == Approx((1 - confidence) / 2).epsilon(1e-7));
      CHECK(binomial(n, 0, k, found.upper) == Approx((1 - confidence) / 2).epsilon(1e-7));
    }
  }
}

TEST_CASE("clopper_pearson: covers every proportion at least as often as it says, by exact sums") {
  for (const std::int64_t n : {1, 2, 5, 20, 60}) {
    for (int hundredths = 0; hundredths <= 100; ++hundredths) {
      const double p = hundredths / 100.0;
      double covered = 0;
      for (std::int64_t k = 0; k <= n; ++k) {
        const interval found = clopper_pearson(k, n, 0.9);
        covered += found.lower <= p && p <= found.upper ? binomial(n, k, p) : 0;
      }
      CAPTURE(n);
      CAPTURE(p);
      CHECK(covered >= 0.9 - 1e-12);
    }
  }
}

TEST_CASE("clopper_pearson: failures and successes are each other's mirror, and more of one moves the interval") {
  for (std::int64_t k = 0; k <= 30; ++k) {
    const interval found = clopper_pearson(k, 30);
    const interval mirror = clopper_pearson(30 - k, 30);
    CHECK(found.lower == Approx(1 - mirror.upper).epsilon(1e-12));
    CHECK(found.lower <= static_cast<double>(k) / 30);
    CHECK(found.upper >= static_cast<double>(k) / 30);
    if (k > 0) {
      CHECK(found.lower > clopper_pearson(k - 1, 30).lower);
      CHECK(found.upper > clopper_pearson(k - 1, 30).upper);
    }
  }
}

TEST_CASE("clopper_pearson: a million trials give a finite interval of the width that a normal has") {
  const interval found = clopper_pearson(760000, 1000000);
  const double width = 2 * 1.959964 * std::sqrt(0.76 * 0.24 / 1e6);
  CHECK(found.upper - found.lower == Approx(width).epsilon(0.002));
  CHECK((found.lower + found.upper) / 2 == Approx(0.76).epsilon(1e-5));
}

TEST_CASE("clopper_pearson: no trials say nothing") {
  CHECK(clopper_pearson(0, 0).lower == 0);
  CHECK(clopper_pearson(0, 0).upper == 1);
}

TEST_CASE("clopper_pearson: counts and confidences out of range are named") {
  CHECK_THROWS_WITH_AS((void)clopper_pearson(-1, 5), doctest::Contains("got -1 of 5"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)clopper_pearson(6, 5), doctest::Contains("got 6 of 5"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)clopper_pearson(0, -1), doctest::Contains("got 0 of -1"), std::invalid_argument);
  for (const double bad : {0.0, 1.0, -0.5, 95.0, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_WITH_AS((void)clopper_pearson(1, 5, bad), doctest::Contains("confidence must lie in (0, 1), got "),
                         std::invalid_argument);
  }
}

TEST_CASE("clopper_pearson_lower: at its bound the binomial tail is alpha; the two-sided interval's end at half") {
  CHECK(redoubt::clopper_pearson_lower(0, 50, 0.01) == 0);
  CHECK(redoubt::clopper_pearson_lower(50, 50, 0.01) == doctest::Approx(std::pow(0.01, 1 / 50.0)).epsilon(1e-12));
  for (const std::int64_t successes : {1, 20, 49}) {
    CHECK(redoubt::clopper_pearson_lower(successes, 50, 0.025) ==
          doctest::Approx(redoubt::clopper_pearson(successes, 50, 0.95).lower).epsilon(1e-12));
  }
  CHECK_THROWS_WITH_AS((void)redoubt::clopper_pearson_lower(3, 2, 0.1),
                       "clopper_pearson_lower: need 0 <= successes <= trials, got 3 of 2", std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)redoubt::clopper_pearson_lower(1, 2, 0),
                       "clopper_pearson_lower: alpha must lie in (0, 1), got 0", std::invalid_argument);
}

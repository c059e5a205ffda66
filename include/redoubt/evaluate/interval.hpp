#pragma once

#include <math.h>  // lgamma_r

#include <cmath>
#include <cstdint>
#include <redoubt/core/error.hpp>

namespace redoubt {

/// A closed interval [lower, upper].
struct interval {
  double lower = 0;  ///< its lower end
  double upper = 1;  ///< its upper end
};

namespace detail {

/// log(Gamma(x)), x > 0. std::lgamma would write the sign into a global, for which threads would fight.
[[nodiscard]] inline double log_gamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

/// The regularised incomplete beta function I_x(a, b), by the continued fraction of Lentz (Numerical Recipes 6.4).
[[nodiscard]] inline double incomplete_beta(double a, double b, double x) {
  if (x <= 0 || x >= 1) {
    return x <= 0 ? 0 : 1;
  }
  if (x > (a + 1) / (a + b + 2)) {
    return 1 - incomplete_beta(b, a, 1 - x);
  }
  const double front =
      std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) + b * std::log1p(-x)) / a;
  constexpr double tiny = 1e-300;
  const auto away_from_zero = [](double value) { return std::abs(value) < tiny ? tiny : value; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double fraction = d;
  for (int m = 1; m < 10000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    fraction *= d * c;
    if (std::abs(d * c - 1) < 1e-15) {
      break;
    }
  }
  return front * fraction;
}

/// The p-quantile of the beta distribution, by bisection to double precision.
[[nodiscard]] inline double beta_quantile(double p, double a, double b) {
  double low = 0;
  double high = 1;
  for (int i = 0; i < 200 && high - low > 1e-16; ++i) {
    const double middle = (low + high) / 2;
    (incomplete_beta(a, b, middle) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace detail

/// The exact confidence interval of a proportion: `successes` of `trials` at `confidence` in (0, 1).
///
/// Covers the true proportion with at least that probability, whatever it is; [0, 1] for no trials.
/// Throws std::invalid_argument for counts or a confidence out of range.
/// Source: Clopper & Pearson 1934.
[[nodiscard]] inline interval clopper_pearson(std::int64_t successes, std::int64_t trials, double confidence = 0.95) {
  require(trials >= 0 && successes >= 0 && successes <= trials, "clopper_pearson: need 0 <= successes <= trials, got ",
          successes, " of ", trials);
  require(confidence > 0 && confidence < 1, "clopper_pearson: confidence must lie in (0, 1), got ", confidence);
  const double tail = (1 - confidence) / 2;
  const auto k = static_cast<double>(successes);
  const auto n = static_cast<double>(trials);
  return {successes == 0 ? 0 : detail::beta_quantile(tail, k, n - k + 1),
          successes == trials ? 1 : detail::beta_quantile(1 - tail, k + 1, n - k)};
}

/// The exact one-sided lower bound of a proportion: below the true one with probability 1 - alpha at least.
///
/// 0 for no successes. Throws std::invalid_argument for counts or an alpha out of range.
/// Source: Clopper & Pearson 1934.
[[nodiscard]] inline double clopper_pearson_lower(std::int64_t successes, std::int64_t trials, double alpha) {
  require(trials >= 0 && successes >= 0 && successes <= trials,
          "clopper_pearson_lower: need 0 <= successes <= trials, got ", successes, " of ", trials);
  require(alpha > 0 && alpha < 1, "clopper_pearson_lower: alpha must lie in (0, 1), got ", alpha);
  const auto k = static_cast<double>(successes);
  return successes == 0 ? 0 : detail::beta_quantile(alpha, k, static_cast<double>(trials) - k + 1);
}

}  // namespace redoubt

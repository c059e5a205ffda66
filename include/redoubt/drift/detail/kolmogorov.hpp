#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

namespace redoubt::detail {

/// P(largest gap >= gap / (m n)) for samples of m and n values from one continuous distribution.
///
/// Every order of the pooled values is equally likely: a walk from (0, 0) to (m, n) whose step from (i, j) goes to
/// i + 1 with probability (m - i) / (m + n - i - j). The mass of the walks that first touch |i n - j m| >= gap is added
/// up where they do: sums of positive terms, so that tiny p-values keep their digits.
inline double ks_exact_tail(std::int64_t m, std::int64_t n, std::int64_t gap, bool two_sided) {
  if (gap <= 0) {
    return 1;
  }
  std::vector<double> inside(static_cast<std::size_t>(n) + 1, 0.0);  // mass at (i, j) that has not touched, by j
  double touched = 0;
  for (std::int64_t i = 0; i <= m; ++i) {
    double from_left = i == 0 ? 1.0 : 0.0;  // mass arriving from (i, j - 1); the walk itself enters at (0, 0)
    for (std::int64_t j = 0; j <= n; ++j) {
      double& cell = inside[static_cast<std::size_t>(j)];
      double mass = cell + from_left;
      const std::int64_t here = i * n - j * m;
      if (here >= gap || (two_sided && -here >= gap)) {
        touched += mass;
        mass = 0;
      }
      const auto left = static_cast<double>(m + n - i - j);
      from_left = left > 0 ? mass * static_cast<double>(n - j) / left : 0;
      cell = left > 0 ? mass * static_cast<double>(m - i) / left : 0;
    }
  }
  return std::min(touched, 1.0);
}

/// 1 - K(z), K the limit of the distribution of sqrt(n) sup |F_n - F| (Kolmogorov 1933). Both series converge in a few
/// terms on their side of 1.
inline double kolmogorov_limit_tail(double z) {
  if (z <= 0) {
    return 1;
  }
  double sum = 0;
  if (z < 1) {
    for (int k = 1; k <= 9; k += 2) {
      sum += std::exp(-k * k * std::numbers::pi * std::numbers::pi / (8 * z * z));
    }
    return 1 - std::sqrt(2 * std::numbers::pi) / z * sum;
  }
  for (int k = 1; k <= 6; ++k) {
    sum += (k % 2 == 1 ? 2 : -2) * std::exp(-2.0 * k * k * z * z);
  }
  return sum;
}

/// Two-sided tail for large samples: the limit at the effective size m n / (m + n), with the finite-size shift of
/// Vrbik, "Small-sample corrections to Kolmogorov-Smirnov test statistic" (2018).
inline double kolmogorov_tail(std::int64_t m, std::int64_t n, double statistic) {
  const double size = static_cast<double>(m) * static_cast<double>(n) / static_cast<double>(m + n);
  const double z = std::sqrt(size) * statistic;
  return kolmogorov_limit_tail(z + 1 / (6 * std::sqrt(size)) + (z - 1) / (4 * size));
}

/// One-sided tail for large samples (Hodges, "The significance probability of the Smirnov two-sample test", 1957).
inline double hodges_tail(std::int64_t first, std::int64_t second, double statistic) {
  const auto m = static_cast<double>(std::max(first, second));
  const auto n = static_cast<double>(std::min(first, second));
  const double z = std::sqrt(m * n / (m + n)) * statistic;
  return std::min(1.0, std::exp(-2 * z * z - 2 * z * (m + 2 * n) / std::sqrt(m * n * (m + n)) / 3));
}

}  // namespace redoubt::detail

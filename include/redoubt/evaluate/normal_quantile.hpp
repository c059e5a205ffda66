#pragma once

#include <cmath>
#include <limits>
#include <numbers>
#include <redoubt/core/error.hpp>

namespace redoubt {

/// The p-quantile of the standard normal distribution, p in [0, 1].
///
/// A rational start (Abramowitz & Stegun 1964, 26.2.23, to 4.5e-4) and two steps of Halley's method on erfc: for
/// p in [1e-300, 1) the result z is off by less than 1e-15 max(1, |z|). Minus and plus infinity at 0 and 1.
/// Throws std::invalid_argument for p outside [0, 1].
[[nodiscard]] inline double normal_quantile(double p) {
  require(p >= 0 && p <= 1, "normal_quantile: needs a probability in [0, 1], got ", p);
  const double tail = p < 0.5 ? p : 1 - p;
  if (tail == 0) {
    return p < 0.5 ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
  const double t = std::sqrt(-2 * std::log(tail));
  double z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  for (int i = 0; i < 2; ++i) {
    // How far the tail beyond z is from the one wanted, over the density at z.
    const double missed = std::erfc(z / std::numbers::sqrt2) / 2 - tail;
    const double step = missed * std::sqrt(2 * std::numbers::pi) * std::exp(z * z / 2);
    z += step / (1 - z * step / 2);
  }
  return p < 0.5 ? -z : z;
}

}  // namespace redoubt

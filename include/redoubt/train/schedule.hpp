#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

namespace redoubt {

/// The learning rate at a progress in [0, 1) through training; any callable will do.
using schedule = std::function<double(double)>;

/// Linear from 0 up to `peak` at `warm_up`, then linear down to 0: the one cycle of Smith & Topin 2017
/// (arXiv:1708.07120). Ranges are not checked.
struct one_cycle {
  double peak;           ///< the highest learning rate; > 0
  double warm_up = 0.4;  ///< share of training spent going up, in (0, 1)

  /// The learning rate at a progress in [0, 1).
  [[nodiscard]] double operator()(double progress) const {
    return peak * std::min(progress / warm_up, (1 - progress) / (1 - warm_up));
  }
};

/// From `peak` down to 0 along half a cosine (Loshchilov & Hutter 2017, arXiv:1608.03983), after a linear `warm_up`.
/// Ranges are not checked.
struct cosine {
  double peak;         ///< the highest learning rate; > 0
  double warm_up = 0;  ///< share of training spent going up, in [0, 1)

  /// The learning rate at a progress in [0, 1).
  [[nodiscard]] double operator()(double progress) const {
    if (progress < warm_up) {
      return peak * progress / warm_up;
    }
    return peak * (1 + std::cos(std::numbers::pi * (progress - warm_up) / (1 - warm_up))) / 2;
  }
};

}  // namespace redoubt

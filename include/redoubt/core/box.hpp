#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <redoubt/core/error.hpp>

namespace redoubt {

/// The interval that every input value must stay in: [0, 1] for images.
struct box {
  double lower = 0;
  double upper = 1;

  /// The nearest point of the box, for every element of x.
  [[nodiscard]] at::Tensor clamp(const at::Tensor& x) const { return x.clamp(lower, upper); }

  /// Throws std::invalid_argument unless lower < upper, both finite, and every element of x lies inside.
  ///
  /// The message of an x that leaves the box names its range and the usual cause. Cost: one pass over x.
  void require_inside(const char* who, const at::Tensor& x) const {
    require(std::isfinite(lower) && std::isfinite(upper) && lower < upper, who,
            ": the box needs finite bounds, lower < upper; got [", lower, ", ", upper, "]");
    if (x.numel() == 0) {
      return;
    }
    const auto [smallest, largest] = x.aminmax();
    const auto low = smallest.item<double>();
    const auto high = largest.item<double>();
    require(!std::isnan(low) && !std::isnan(high), who, ": the input holds a NaN");
    // The bounds as the tensor's own type rounds them: 0.1 in a box written as a double is not 0.1F, nor half's 0.1.
    const auto rounded = [&](double bound) { return x.new_full({}, bound, at::Device{at::kCPU}).item<double>(); };
    const double slack = 1e-6 * (upper - lower);
    require(low >= std::min(lower, rounded(lower)) - slack && high <= std::max(upper, rounded(upper)) + slack, who,
            ": the input must lie in the box [", lower, ", ", upper, "], but spans [", low, ", ", high,
            "]; give the box of your data, and normalise inside the model so that radii keep their unit");
  }
};

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <redoubt/core/error.hpp>
#include <redoubt/core/random.hpp>

namespace redoubt {

/// Halves the point again and again, from gradient to gradient: an input transform.
///
/// Points [N, ...] -> point / 2^i, i = step mod copies: the gradients that `eot` averages take the copies in turn, so
/// that `.transform = scale_invariant{.copies = m}, .eot = m` is the mean over all m; with another `eot` the copies go
/// on where the step before stopped. Shrinks towards 0, which should be the darkest value of the box. Throws
/// std::invalid_argument for copies outside [1, 64].
/// Source: Lin et al. 2020 (arXiv:1908.06281), section 3.3 and equation 9.
struct scale_invariant {
  int copies = 5;  ///< scales 1, 1/2, ..., 1/2^(copies - 1), in [1, 64]

  /// The model's input for `point` [N, ...], of its shape; differentiable in `point`.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& point, const at::Tensor& /*rows*/, const draw& where) const {
    require(copies >= 1 && copies <= 64, "scale_invariant: copies must lie in [1, 64], got ", copies);
    const auto halvings = static_cast<int>(where.step % static_cast<std::uint32_t>(copies));
    return halvings == 0 ? point : point.mul(std::ldexp(1.0, -halvings));
  }
};

}  // namespace redoubt

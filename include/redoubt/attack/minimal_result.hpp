#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/attack/detail/nearest_points.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/extent.hpp>

namespace redoubt {

/// The nearest points that fool the model, as a minimal-norm attack found them: `attack.minimal(model, x, y, rows)`.
struct minimal_result {
  at::Tensor points;    ///< like x, inside the box; x itself where nothing was found
  at::Tensor distance;  ///< [N], float32 (float64 where x is): of each point from x in the ball's norm; 0 where x
                        ///< fools the model as it is, infinite where nothing was found
  at::Tensor found;     ///< bool [N]
  at::Tensor zero_gradient = {};  ///< bool [N]: exactly zero at a step that had yet to fool
};

namespace detail {

/// The points met as the caller is given them: like `x`, with its dtype.
[[nodiscard]] inline minimal_result as_minimal(const nearest_points& met, const at::Tensor& x) {
  return {.points = met.points.to(x.scalar_type()),
          .distance = met.distance,
          .found = met.distance.isfinite(),
          .zero_gradient = met.zero_gradient};
}

/// The points met that lie inside the ball, x [N, ...] itself for the others.
template <a_ball Ball>
[[nodiscard]] attack_result within(const Ball& ball, const nearest_points& met, const at::Tensor& x) {
  const at::Tensor inside = met.distance.le(radius_of(ball).broadcast_over(met.distance));
  return {.adversarial = met.points.to(x.scalar_type()).where(broadcast_rows(inside, x), x.detach()),
          .zero_gradient = met.zero_gradient,
          .fooled = inside};
}

}  // namespace detail

}  // namespace redoubt

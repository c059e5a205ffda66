#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/rows.hpp>
#include <vector>

namespace redoubt::detail {

/// `mask` (bool [N]) reshaped to [N, 1, ...] so that it broadcasts over `like` [N, ...].
[[nodiscard]] inline at::Tensor mask_over(const at::Tensor& mask, const at::Tensor& like) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(like.dim()), 1);
  shape[0] = mask.size(0);
  return mask.view(shape);
}

/// For each sample the point of the highest loss that a step rule was shown, with its gradient: where to go back to.
struct highest_point {
  at::Tensor point;     ///< [N, ...]
  at::Tensor gradient;  ///< [N, ...]
  at::Tensor loss;      ///< [N]; no NaN

  /// The first point; one without a loss counts as lower than every other.
  [[nodiscard]] static highest_point first(const step_view& now) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    return {now.point, now.gradient, now.loss.nan_to_num(-infinity, infinity, -infinity)};
  }

  void offer(const step_view& now) {
    const at::Tensor higher = now.loss.gt(loss);
    const at::Tensor mask = mask_over(higher, now.point);
    point = now.point.where(mask, point);
    gradient = now.gradient.where(mask, gradient);
    loss = now.loss.where(higher, loss);
  }

  [[nodiscard]] highest_point at(const at::Tensor& rows) const {
    return {tensor_at(point, rows), tensor_at(gradient, rows), tensor_at(loss, rows)};
  }
};

}  // namespace redoubt::detail

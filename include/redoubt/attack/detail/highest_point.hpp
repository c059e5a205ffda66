#pragma once

#include <ATen/core/Tensor.h>

#include <limits>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt::detail {

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
    const at::Tensor mask = broadcast_rows(higher, now.point);
    point = now.point.where(mask, point);
    gradient = now.gradient.where(mask, gradient);
    loss = now.loss.where(higher, loss);
  }

  [[nodiscard]] highest_point at(const at::Tensor& rows) const {
    return {tensor_at(point, rows), tensor_at(gradient, rows), tensor_at(loss, rows)};
  }
};

}  // namespace redoubt::detail

#pragma once

#include <ATen/core/Tensor.h>

#include <limits>
#include <redoubt/core/extent.hpp>

namespace redoubt::detail {

/// For each sample the best point met so far. A point that fools the model beats one that does not; then the loss
/// counts.
struct best_points {
  at::Tensor points;         ///< [N, ...]
  at::Tensor loss;           ///< [N]
  at::Tensor fooled;         ///< bool [N]
  at::Tensor zero_gradient;  ///< bool [N]

  /// Nothing met yet: x itself, at a loss below every other.
  [[nodiscard]] static best_points none(const at::Tensor& x, const at::Tensor& y) {
    const at::Tensor no = y.new_zeros(y.sizes(), at::kBool);
    return {x.clone(), x.new_full(y.sizes(), -std::numeric_limits<double>::infinity()), no, no.clone()};
  }

  void offer(const at::Tensor& met, const at::Tensor& met_loss, const at::Tensor& met_fooled) {
    const at::Tensor better =
        met_fooled.logical_and(fooled.logical_not()).logical_or_(met_fooled.eq(fooled).logical_and_(met_loss.gt(loss)));
    points = met.where(broadcast_rows(better, met), points);
    loss = met_loss.to(loss.scalar_type()).where(better, loss);
    fooled = fooled.logical_or(met_fooled);
  }

  /// The rows of those whom no point has fooled the model for, int64. Waits for a device.
  [[nodiscard]] at::Tensor standing() const { return fooled.logical_not().nonzero().squeeze(1); }

  [[nodiscard]] best_points at(const at::Tensor& rows) const {
    return {points.index_select(0, rows), loss.index_select(0, rows), fooled.index_select(0, rows),
            zero_gradient.index_select(0, rows)};
  }

  /// Writes the entries of `part` to the rows they were taken from.
  // NOLINTNEXTLINE(readability-make-member-function-const): what its tensors hold is its value
  void put(const at::Tensor& rows, const best_points& part) {
    points.index_copy_(0, rows, part.points);
    loss.index_copy_(0, rows, part.loss);
    fooled.index_copy_(0, rows, part.fooled);
    zero_gradient.index_copy_(0, rows, part.zero_gradient);
  }
};

}  // namespace redoubt::detail

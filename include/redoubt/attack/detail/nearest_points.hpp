#pragma once

#include <ATen/core/Tensor.h>

#include <limits>
#include <redoubt/core/extent.hpp>

namespace redoubt::detail {

/// For each sample the nearest misclassified point met so far, until one is near enough.
struct nearest_points {
  at::Tensor points;         ///< [N, ...]: x where none was met
  at::Tensor distance;       ///< [N], of points' type: infinite where none was met
  at::Tensor enough;         ///< [N]: nothing nearer than this is looked for
  at::Tensor zero_gradient;  ///< bool [N]

  [[nodiscard]] static nearest_points none(const at::Tensor& x, const at::Tensor& enough) {
    return {x.clone(), enough.new_full(enough.sizes(), std::numeric_limits<double>::infinity()), enough,
            enough.new_zeros(enough.sizes(), at::kBool)};
  }

  /// Which samples have no point yet that is near enough. bool [N].
  [[nodiscard]] at::Tensor sought() const { return distance.gt(enough); }

  /// Takes the points met [N, ...], at these distances [N], that are misclassified and nearer, where still sought: what
  /// a sample ends up with does not depend on how long its neighbours keep it in the batch.
  void offer(const at::Tensor& met, const at::Tensor& met_distance, const at::Tensor& misclassified) {
    const at::Tensor better = misclassified.logical_and(met_distance.lt(distance)).logical_and_(sought());
    points = met.where(broadcast_rows(better, met), points);
    distance = met_distance.where(better, distance);
  }

  [[nodiscard]] nearest_points at(const at::Tensor& rows) const {
    return {points.index_select(0, rows), distance.index_select(0, rows), enough.index_select(0, rows),
            zero_gradient.index_select(0, rows)};
  }

  /// Writes the entries of `part` to the rows they were taken from.
  // NOLINTNEXTLINE(readability-make-member-function-const): what its tensors hold is its value
  void put(const at::Tensor& rows, const nearest_points& part) {
    points.index_copy_(0, rows, part.points);
    distance.index_copy_(0, rows, part.distance);
    zero_gradient.index_copy_(0, rows, part.zero_gradient);
  }
};

}  // namespace redoubt::detail

#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/core/error.hpp>
#include <redoubt/loss/margin.hpp>

namespace redoubt {

/// The difference of logits ratio: (max_{j != y} z_j - z_y) / (z_(1) - z_(3)), z_(k) the k-th largest logit.
///
/// logits z [N, C >= 3], y int64 [N] -> [N], of z's dtype. Unchanged by a shift or a positive scaling of the logits, so
/// that a model cannot hide behind confident logits; where the three largest tie, the margin alone. Throws
/// std::invalid_argument for fewer than three classes. Source: Croce & Hein 2020 (arXiv:2003.01690), eq. 6.
struct dlr {
  /// The loss of each sample [N], from logits [N, C] and y, int64 [N].
  [[nodiscard]] at::Tensor operator()(const at::Tensor& logits, const at::Tensor& y) const {
    require(logits.size(1) >= 3, "dlr: needs at least 3 classes, the model has ", logits.size(1), "; use margin");
    const at::Tensor top = std::get<0>(logits.topk(3, 1));
    const at::Tensor spread = top.select(1, 0).sub(top.select(1, 2));
    // Where three logits tie, the ratio would be 0/0: the margin stands alone. No guard added to the divisor holds in
    // half precision.
    return margin{}(logits, y).div(spread.masked_fill(spread.eq(0), 1));
  }
};

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/core/error.hpp>

namespace redoubt {

/// The difference of logits ratio towards a class: (z_t - z_y) / (z_(1) - (z_(3) + z_(4)) / 2), z_(k) the k-th largest.
///
/// logits z [N, C >= 4], y int64 [N] the true labels -> [N], of z's dtype; climbed, it leads away from y and to the
/// sample's target t. Unchanged by a shift or a positive scaling of the logits; where the four largest tie, z_t - z_y
/// alone. Throws std::invalid_argument for fewer than four classes, and where there is not one target per sample.
/// Source: Croce & Hein 2020 (arXiv:2003.01690), eq. 7.
struct dlr_targeted {
  at::Tensor target;  ///< int64 [N]: the class that each sample is driven to

  /// The loss of each sample [N], from logits [N, C] and y, int64 [N].
  [[nodiscard]] at::Tensor operator()(const at::Tensor& logits, const at::Tensor& y) const {
    require(logits.size(1) >= 4, "dlr_targeted: needs at least 4 classes, the model has ", logits.size(1),
            "; use apgd_targeted, which then climbs the margin to the target, or the margin loss");
    require(target.defined() && target.sizes() == y.sizes(), "dlr_targeted: need one target per sample ", y.sizes(),
            ", got ", target.defined() ? target.numel() : 0);
    const at::Tensor top = std::get<0>(logits.topk(4, 1));
    const at::Tensor spread = top.select(1, 0).sub(top.select(1, 2).add(top.select(1, 3)).div(2));
    const at::Tensor towards = logits.gather(1, target.unsqueeze(1)).sub(logits.gather(1, y.unsqueeze(1))).squeeze(1);
    // Where four logits tie, the ratio would be 0/0: the difference stands alone.
    return towards.div(spread.masked_fill(spread.eq(0), 1));
  }

  /// The loss for the samples `rows` (int64 [M]), with their targets.
  [[nodiscard]] dlr_targeted at(const at::Tensor& rows) const { return {target.index_select(0, rows)}; }
};

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/attack/detail/gradient.hpp>

namespace redoubt::detail {

/// `is_fooled`, by more than the logits' rounding: bool [N]. `lead` [N] is how far they are beyond the boundary.
///
/// What seeks the nearest point ends on the boundary itself, where the same point in another batch, whose sums round
/// otherwise, may be classified otherwise. A lead of 2e-6 of the largest logit (of float32's 24 bits four are kept for
/// that) costs as little in distance.
[[nodiscard]] inline at::Tensor clearly_fooled(const at::Tensor& logits, const at::Tensor& y, bool targeted,
                                               const at::Tensor& lead) {
  // Where a logit is infinite nothing rounds.
  const at::Tensor slack = logits.detach().abs().amax(1).mul(2e-6).nan_to_num(0, 0, 0);
  return is_fooled(logits, y, targeted).logical_and_(lead.detach().abs().le(slack).logical_not_());
}

}  // namespace redoubt::detail

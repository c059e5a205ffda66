#pragma once

#include <ATen/core/Tensor.h>

namespace redoubt {

/// The negative log-likelihood -log softmax(z)_y of each sample.
///
/// logits z [N, C], y int64 [N] -> [N], of z's dtype. Saturates in float32: where softmax(z)_y rounds to 1 its gradient
/// is exactly zero, which attacks count and report; `margin` and `dlr` do not saturate.
struct cross_entropy {
  /// The loss of each sample [N], from logits [N, C] and y, int64 [N].
  [[nodiscard]] at::Tensor operator()(const at::Tensor& logits, const at::Tensor& y) const {
    return logits.log_softmax(1).gather(1, y.unsqueeze(1)).squeeze(1).neg();
  }
};

}  // namespace redoubt

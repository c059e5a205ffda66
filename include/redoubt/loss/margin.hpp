#pragma once

#include <ATen/core/Tensor.h>

#include <limits>

namespace redoubt {

/// How far the best other class is above the label: max_{j != y} z_j - z_y of each sample.
///
/// logits z [N, C >= 2], y int64 [N] -> [N], of z's dtype; positive where the sample is misclassified, negative where
/// it is not, 0 at a tie. Source: Carlini & Wagner 2017 (arXiv:1608.04644), their f_6 with the opposite sign and no
/// clipping.
struct margin {
  /// The loss of each sample [N], from logits [N, C] and y, int64 [N].
  [[nodiscard]] at::Tensor operator()(const at::Tensor& logits, const at::Tensor& y) const {
    const at::Tensor label = y.unsqueeze(1);
    const at::Tensor others = logits.scatter(1, label, -std::numeric_limits<float>::infinity());
    return others.amax(1).sub(logits.gather(1, label).squeeze(1));
  }
};

}  // namespace redoubt

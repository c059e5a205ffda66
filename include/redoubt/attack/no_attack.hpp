#pragma once

#include <ATen/core/Tensor.h>

namespace redoubt {

/// Returns x as it is: the accuracy under it is the clean accuracy, and training with it is standard training. Asks
/// nothing of the model, and checks nothing.
struct no_attack {
  /// x itself.
  template <class Model>
  [[nodiscard]] at::Tensor operator()(Model&& /*model*/, const at::Tensor& x, const at::Tensor& /*y*/,
                                      const at::Tensor& /*rows*/ = {}) const {
    return x;
  }
};

}  // namespace redoubt

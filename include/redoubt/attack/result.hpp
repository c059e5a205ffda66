#pragma once

#include <ATen/core/Tensor.h>

namespace redoubt {

/// What an attack found, and what it noticed on the way: `attack.run(model, x, y, rows)`.
struct attack_result {
  at::Tensor adversarial;    ///< like x: inside ball and box
  at::Tensor zero_gradient;  ///< bool [N]: exactly zero at a step that had yet to fool: masked gradients
};

}  // namespace redoubt

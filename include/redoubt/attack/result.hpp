#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace redoubt {

/// One attack's share in an attack that is made of several.
struct attack_stage {
  std::string name;    ///< as reports show it
  at::Tensor fooled;   ///< bool [N]: fooled by this one, and by none before it
  double seconds = 0;  ///< wall clock
};

/// What an attack found, and what it noticed on the way: `attack.run(model, x, y, rows)`.
struct attack_result {
  at::Tensor adversarial;                 ///< like x: inside ball and box
  at::Tensor zero_gradient = {};          ///< bool [N]: exactly zero at a step that had yet to fool; undefined: unknown
  at::Tensor fooled = {};                 ///< bool [N]: the attack's own word; undefined where it did not look
  std::vector<attack_stage> stages = {};  ///< in order, of an attack that is made of several
  at::Tensor queries = {};                ///< int64 [N]: how often the model was asked of each; undefined: not counted
};

}  // namespace redoubt

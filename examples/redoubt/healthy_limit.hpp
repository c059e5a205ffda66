#pragma once

#include "data.hpp"

#include <redoubt/attack/no_attack.hpp>
#include <redoubt/evaluate/robust_accuracy.hpp>

namespace redoubt::program {

/// The error rate up to which `model` counts as healthy: `margin` above the upper end of the 95 % interval of its error
/// on `held_out`, which it was not trained on.
template <class Model>
[[nodiscard]] double healthy_limit(Model& model, const samples& held_out, double margin) {
  const robustness clean = robust_accuracy(no_attack{}, model, held_out.images, held_out.labels);
  return 1 - clean.clean_interval.lower + margin;
}

}  // namespace redoubt::program

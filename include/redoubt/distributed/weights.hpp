#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/distributed/agreement.hpp>
#include <redoubt/distributed/process_group.hpp>
#include <redoubt/model/classifier.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace redoubt {

/// Gives every rank rank 0's parameters and buffers, in place: the start of a training together.
///
/// `Model` is an `nn_model` or a `script_model` (any `a_module`). Throws std::runtime_error on every rank where the
/// models differ in their tensors' shapes or types. Cost: one broadcast of the weights.
template <class Model>
void broadcast_weights(const process_group& group, const Model& model) {
  static_assert(a_module<Model>, "broadcast_weights: the model must offer parameters and buffers");
  std::vector<at::Tensor> all = model.parameters();
  const std::vector<at::Tensor> buffers = model.buffers();
  all.insert(all.end(), buffers.begin(), buffers.end());
  std::ostringstream shapes;
  for (const at::Tensor& each : all) {
    shapes << each.dtype().name() << each.sizes() << ' ';
  }
  require_agreement(group, "model", std::move(shapes).str());
  group.broadcast(all, "send the weights from rank 0");
}

}  // namespace redoubt

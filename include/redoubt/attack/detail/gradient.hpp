#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/core/error.hpp>
#include <utility>

namespace redoubt::detail {

/// The gradient of the summed loss [N] with respect to the leaf `point` [N, ...] alone: no parameter's `.grad` is
/// touched.
///
/// `keep_graph` leaves the graph for another loss of the same logits.
/// Throws std::invalid_argument that says which link of point -> logits -> loss is not differentiable.
[[nodiscard]] inline at::Tensor input_gradient(const char* who, const at::Tensor& loss, const at::Tensor& logits,
                                               const at::Tensor& point, bool keep_graph = false) {
  require(loss.dim() == 1 && loss.size(0) == point.size(0), who, ": the loss must be one number per sample [",
          point.size(0), "], got shape ", loss.sizes());
  require(logits.requires_grad(), who,
          ": the model has no gradient with respect to its input (detached, run without grad mode, or optimised for "
          "inference); use the original model, or an attack that needs no gradient");
  require(loss.requires_grad(), who, ": the loss has no gradient with respect to the logits it was given");
  // torch::autograd::grad would do the same, but its header costs every user of an attack more than all others do.
  point.mutable_grad().reset();
  loss.sum().backward({}, keep_graph, false, at::TensorList{point});
  require(point.grad().defined(), who, ": the loss does not depend on the input");
  return std::exchange(point.mutable_grad(), {});
}

/// Whether all of a sample's gradient [N, ...] is 0, bool [N]; a NaN is not.
///
/// By its extremes and not by its magnitude, for which each step would ask for the batch's memory once more.
[[nodiscard]] inline at::Tensor is_zero(const at::Tensor& gradient) {
  const at::Tensor flat = gradient.flatten(1);
  return flat.amax(1).eq(0).logical_and_(flat.amin(1).eq(0));
}

/// Whether each sample is where the attacker wants it: at y where `targeted`, elsewhere otherwise. bool [N].
///
/// A sample with a NaN among its logits is not at any label.
[[nodiscard]] inline at::Tensor is_fooled(const at::Tensor& logits, const at::Tensor& y, bool targeted) {
  const at::Tensor at_label = logits.argmax(1).eq(y).logical_and_(logits.isnan().any(1).logical_not());
  return targeted ? at_label : at_label.logical_not();
}

}  // namespace redoubt::detail

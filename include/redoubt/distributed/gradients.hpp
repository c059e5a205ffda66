#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <cstddef>
#include <cstdint>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/distributed/process_group.hpp>
#include <vector>

namespace redoubt {

/// Makes the gradient of each parameter its sum over all ranks: call it after backward, before the optimizer's step.
///
/// A parameter without a gradient on some ranks counts as zero there and has the sum afterwards on all; without one on
/// every rank it stays without, so that an optimizer leaves it alone. Frozen parameters are passed over. Nothing else
/// sums gradients: there are no hooks, so that an attack, which asks for gradients of its input, sends nothing.
/// Throws std::invalid_argument for a sparse gradient. Cost: one sum of as many numbers as there are parameters.
inline void sum_gradients(const process_group& group, const std::vector<at::Tensor>& parameters) {
  if (group.world() == 1) {
    return;
  }
  const at::NoGradGuard no_gradient;
  std::vector<at::Tensor> trained;
  for (const at::Tensor& parameter : parameters) {
    if (parameter.requires_grad()) {
      trained.push_back(parameter);
    }
  }
  // How many ranks have a gradient travels along.
  const at::Tensor present = at::zeros({static_cast<std::int64_t>(trained.size())}, at::kFloat);
  std::vector<at::Tensor> gradients;
  for (std::size_t i = 0; i < trained.size(); ++i) {
    const bool here = trained[i].grad().defined();
    present[static_cast<std::int64_t>(i)] = here ? 1.0 : 0.0;
    gradients.push_back(here ? trained[i].grad() : at::zeros_like(trained[i]));
  }
  gradients.push_back(present);
  group.sum(gradients, "add up gradients");
  const auto* const ranks = detail::elements_of<float>(present);
  for (std::size_t i = 0; i < trained.size(); ++i) {
    if (!trained[i].grad().defined() && ranks[i] > 0) {
      trained[i].mutable_grad() = gradients[i];
    }
  }
}

/// The same for the mean over the ranks: for a loop of your own in which each rank has as many samples and its loss is
/// their mean. Throws and costs as that.
inline void average_gradients(const process_group& group, const std::vector<at::Tensor>& parameters) {
  sum_gradients(group, parameters);
  const at::NoGradGuard no_gradient;
  for (const at::Tensor& parameter : parameters) {
    if (group.world() > 1 && parameter.requires_grad() && parameter.grad().defined()) {
      parameter.grad().div_(group.world());
    }
  }
}

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <redoubt/core/detail/device.hpp>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/norm/detail/device_step.hpp>
#include <redoubt/norm/detail/step_layout.hpp>
#include <redoubt/norm/detail/stored_on_device.hpp>
#include <vector>

namespace redoubt::detail {

/// A step as a device is told of it, and the memory that it is told of.
class told_step {
 public:
  told_step(const step_tensors& all, const step_request& asked) : all_{all} {
    const at::Tensor& x = all.x;
    step.samples = x.size(0);
    step.size = x.numel() / x.size(0);
    step.per_channel = x.dim() > 1 ? step.size / x.size(1) : step.size;
    step.to = all.point.mutable_data_ptr<float>();
    step.from = detail::elements_of<float>(all.from);
    step.x = detail::elements_of<float>(x);
    step.gradient = all.gradient.const_data_ptr();
    step.type = *stored_on_device(all.gradient.scalar_type());
    step.length = told(asked.length);
    step.radius = told(asked.radius);
    step.lower = told(asked.bounds.lower);
    step.upper = told(asked.bounds.upper);
    if (asked.along.gathered != nullptr) {
      step.gathered = asked.along.gathered->mutable_data_ptr<float>();
      step.decay = static_cast<float>(asked.along.decay);
    }
  }

  /// Gives the step so many floats of scratch.
  void give_scratch(std::int64_t floats) {
    kept_.push_back(all_.x.new_empty({floats}));
    step.scratch = kept_.back().mutable_data_ptr<float>();
  }

  device_step step;

 private:
  template <class Numbers>
  [[nodiscard]] device_number told(const Numbers& numbers) {
    if (is_one_number(numbers)) {
      return {.each = nullptr, .number = static_cast<float>(numbers.number())};
    }
    kept_.push_back(numbers.broadcast_over(all_.x).flatten().contiguous());
    return {.each = detail::elements_of<float>(kept_.back()), .number = 0};
  }

  step_tensors all_;
  std::vector<at::Tensor> kept_;
};

/// Makes what is gathered the step's own, like x: whether it lies as x.
[[nodiscard]] inline bool is_ready(const gathering& along, const at::Tensor& x) {
  at::Tensor& gathered = *along.gathered;
  if (!gathered.defined()) {
    gathered = x.new_empty_strided(x.sizes(), x.strides()).zero_();
    return true;
  }
  if (gathered.device() != x.device() || gathered.scalar_type() != at::kFloat || gathered.sizes() != x.sizes() ||
      gathered.strides() != x.strides()) {
    return false;
  }
  if (gathered.use_count() > 1 || gathered.storage().use_count() > 1) {
    gathered = gathered.clone();
  }
  return true;
}

/// Queues a step on the device where its tensors are, if a kernel was linked (redoubt::cuda) and the step is in its
/// reach: float32, and a gradient of float32, float16 or bfloat16. Says whether it did.
///
/// Throws std::runtime_error, naming the device, where that refuses. Waits for nothing.
[[nodiscard]] inline bool step_on_device(int (*queue)(const device_step&), const step_request& asked,
                                         layout_needs needs, double most = 0) {
  const at::Tensor& x = asked.x;
  if (queue == nullptr || !x.is_cuda() || x.scalar_type() != at::kFloat ||
      !stored_on_device(asked.gradient.scalar_type())) {
    return false;
  }
  needs.by_sample |= asked.along.gathered != nullptr;
  const step_tensors all = step_tensors::of(asked, needs);
  if (!all.defined() || (asked.along.gathered != nullptr && !is_ready(asked.along, all.x))) {
    return false;
  }
  told_step told{all, asked};
  told.step.most = most;
  std::int64_t floats = 0;
  told.step.wanted = &floats;
  queue_on(x.device(), queue, told.step, "a step");
  if (floats > 0) {
    told.give_scratch(floats);
    queue_on(x.device(), queue, told.step, "a step");
  }
  all.hand_over(asked);
  return true;
}

}  // namespace redoubt::detail

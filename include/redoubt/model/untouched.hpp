#pragma once

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>

#include <mutex>
#include <redoubt/model/classifier.hpp>
#include <utility>
#include <vector>

namespace redoubt {

/// Puts back, at the end of the scope, what running `model` may move: its buffers and the global random generators.
///
/// Buffers are BatchNorm's statistics, which a forward pass in train mode updates; the generators (the CPU's, and that
/// of `device` where it is another) are what dropout draws from. Parameters and modes are not touched by attacks at
/// all. Also after an exception. Cost: a copy of the buffers and of a generator's state (5 KB).
template <class Model>
class untouched {
 public:
  /// Copies the buffers of `model`, which must live longer, and the state of the generators of the CPU and `device`.
  untouched(const Model& model, const at::Device& device) {
    if constexpr (a_module<Model>) {
      model_ = const_cast<Model*>(&model);  // NOLINT(cppcoreguidelines-pro-type-const-cast): what is moved is put back
      for (const at::Tensor& buffer : model_->buffers()) {
        buffers_.push_back(buffer.detach().clone());
      }
    }
    remember(at::globalContext().defaultGenerator(at::Device(at::kCPU)));
    if (!device.is_cpu()) {
      remember(at::globalContext().defaultGenerator(device));
    }
  }
  untouched(const untouched&) = delete;
  untouched& operator=(const untouched&) = delete;
  ~untouched() {
    if constexpr (a_module<Model>) {
      put_buffers_back();
    }
    for (auto& [generator, state] : generators_) {
      const std::scoped_lock lock{generator.mutex()};
      generator.set_state(state);
    }
  }

 private:
  void put_buffers_back() {
    // Inference mode takes buffers that were made in it as well as others.
    const c10::InferenceMode no_gradient;
    // Asked for anew: some models put another tensor in a buffer's place where others write to it.
    const std::vector<at::Tensor> now = model_->buffers();
    for (std::size_t i = 0; i < now.size() && i < buffers_.size(); ++i) {
      // Through data(), which leaves the buffer's version alone: a graph that saved it before is still good.
      now[i].data().copy_(buffers_[i]);
    }
  }

  void remember(at::Generator generator) {
    const std::scoped_lock lock{generator.mutex()};
    at::Tensor state = generator.get_state();
    generators_.emplace_back(std::move(generator), std::move(state));
  }

  Model* model_ = nullptr;
  std::vector<at::Tensor> buffers_;
  std::vector<std::pair<at::Generator, at::Tensor>> generators_;
};

}  // namespace redoubt

#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <redoubt/core/error.hpp>
#include <redoubt/model/classifier.hpp>
#include <utility>
#include <vector>

namespace redoubt {

/// A torch::nn model with a `forward(Tensor) -> Tensor`, as a classifier that attacks and trainers understand.
///
/// Shares the module; copies refer to the same one. From a holder: `nn_model{net.ptr()}`.
template <class Module>
class nn_model {
 public:
  /// Throws std::invalid_argument for a null pointer.
  explicit nn_model(std::shared_ptr<Module> module) : module_{std::move(module)} {
    require(module_ != nullptr, "nn_model: the module is a null pointer");
  }

  /// The logits [N, C] of x [N, ...]: the module's `forward`.
  at::Tensor operator()(const at::Tensor& x) const { return module_->forward(x); }

  /// All parameters, those of submodules included; they share the module's memory.
  [[nodiscard]] std::vector<at::Tensor> parameters() const { return module_->parameters(); }
  /// All buffers (BatchNorm's statistics, say), those of submodules included; they share the module's memory.
  [[nodiscard]] std::vector<at::Tensor> buffers() const { return module_->buffers(); }

  /// Each submodule's train/eval flag, in the order of torch::nn::Module::modules.
  [[nodiscard]] std::vector<bool> modes() const {
    std::vector<bool> flags;
    for (const auto& part : module_->modules()) {
      flags.push_back(part->is_training());
    }
    return flags;
  }

  /// Puts back what `modes` read, submodule by submodule: one frozen by its owner stays frozen. Throws
  /// std::invalid_argument for another number of flags.
  void set_modes(const std::vector<bool>& flags) const {
    const auto parts = module_->modules();
    require(flags.size() == parts.size(), "nn_model: ", flags.size(), " modes for ", parts.size(), " submodules");
    // From the leaves up, as train() sets a submodule's children too.
    for (std::size_t i = parts.size(); i-- > 0;) {
      set_one_mode(*parts[i], flags[i]);
    }
  }

  /// Sets train mode for all submodules, or eval mode.
  void train(bool on = true) const { module_->train(on); }

  /// The module itself.
  [[nodiscard]] Module& module() const { return *module_; }

 private:
  // Module::train is recursive and the flag is private: children are put back after their parent.
  static void set_one_mode(torch::nn::Module& part, bool on) {
    const auto descendants = part.modules(/*include_self=*/false);
    std::vector<bool> below;
    below.reserve(descendants.size());
    for (const auto& child : descendants) {
      below.push_back(child->is_training());
    }
    if (part.is_training() != on) {
      part.train(on);
      for (std::size_t i = 0; i < descendants.size(); ++i) {
        if (descendants[i]->is_training() != below[i]) {
          set_one_mode(*descendants[i], below[i]);
        }
      }
    }
  }

  std::shared_ptr<Module> module_;
};

template <class Module>
nn_model(std::shared_ptr<Module>) -> nn_model<Module>;

}  // namespace redoubt

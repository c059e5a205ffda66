#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <functional>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/error.hpp>
#include <vector>

namespace redoubt {

/// A classifier whose state can be read and put back: what `nn_model` and `script_model` offer beyond the call.
///
/// `modes()` is each submodule's train/eval flag in a fixed order, `set_modes` puts them back.
template <class M>
concept a_module = a_classifier<M> && requires(M& model, const std::vector<bool>& flags) {
  { model.parameters() } -> std::convertible_to<std::vector<at::Tensor>>;
  { model.buffers() } -> std::convertible_to<std::vector<at::Tensor>>;
  { model.modes() } -> std::convertible_to<std::vector<bool>>;
  model.set_modes(flags);
  model.train(true);
};

/// A model as a plain function, so that an attack is compiled once and not once a model type. Does not own the model.
using classifier_view = std::function<at::Tensor(const at::Tensor&)>;

/// The logits [N, C] of x [N, ...], floating point; throws std::invalid_argument, naming the shape, for an output of
/// another form or of fewer than two classes.
[[nodiscard]] inline at::Tensor logits_of(const classifier_view& model, const at::Tensor& x) {
  at::Tensor logits = model(x);
  require(logits.defined() && logits.dim() == 2 && logits.size(0) == x.size(0) && logits.is_floating_point(),
          "model: the output must be floating-point logits of shape [", x.size(0), ", classes], got ", logits.sizes(),
          " of type ", logits.dtype().name());
  require(logits.size(1) >= 2, "model: the output must have at least 2 classes, got shape ", logits.sizes());
  return logits;
}

/// Sets every submodule of `model` to eval mode, and puts each one's flag back at the end of the scope, also after an
/// exception.
///
/// For a plain callable there is no mode, and nothing happens.
template <class Model>
class eval_scope {
 public:
  /// Reads the modes of `model`, which must live longer, and sets eval mode.
  explicit eval_scope(Model& model) : model_{model} {
    if constexpr (a_module<Model>) {
      modes_ = model.modes();
      model.train(false);
    }
  }
  eval_scope(const eval_scope&) = delete;
  eval_scope& operator=(const eval_scope&) = delete;
  ~eval_scope() {
    if constexpr (a_module<Model>) {
      model_.set_modes(modes_);
    }
  }

 private:
  Model& model_;
  std::vector<bool> modes_;
};

}  // namespace redoubt

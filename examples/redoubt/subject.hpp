#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <redoubt/model/normalised.hpp>
#include <redoubt/model/script.hpp>
#include <utility>
#include <vector>

namespace redoubt::program {

/// The model that is attacked: TorchScript, behind the normalisation that its input wants, if any.
///
/// Whoever calls it sees inputs as they are in the files, so that radii keep their unit.
class subject {
 public:
  subject(script_model model) : model_{std::move(model)} {}  // NOLINT(google-explicit-constructor): most want no more
  /// Sees (x - mean) / deviation, by channel; x itself where there are none. Throws std::invalid_argument for numbers
  /// of one that are not as many as of the other, and as `normalised` does.
  subject(script_model model, const std::vector<double>& mean, const std::vector<double>& deviation);

  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) const;

  [[nodiscard]] std::vector<at::Tensor> parameters() const { return model_.parameters(); }
  [[nodiscard]] std::vector<at::Tensor> buffers() const { return model_.buffers(); }
  [[nodiscard]] std::vector<bool> modes() const { return model_.modes(); }
  void set_modes(const std::vector<bool>& flags) const { model_.set_modes(flags); }
  void train(bool on = true) const { model_.train(on); }

  /// Called before each call of the model: a place to look for Ctrl-C from, which may throw.
  void before_each_call(std::function<void()> look) { look_ = std::move(look); }

 private:
  script_model model_;
  std::optional<normalised<script_model>> normalised_;
  std::function<void()> look_;
};

}  // namespace redoubt::program

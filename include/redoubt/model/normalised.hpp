#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <initializer_list>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/model/classifier.hpp>
#include <utility>
#include <vector>

namespace redoubt {

/// Mean or standard deviation of a data set: one number, or one per channel as a vector or a tensor [C].
class channel_statistic {
 public:
  /// One number for all channels.
  channel_statistic(double number) : values_(1, number) {}  // NOLINT(google-explicit-constructor)
  /// A number per channel [C].
  channel_statistic(std::initializer_list<double> per_channel)
      : values_(per_channel) {}  // NOLINT(google-explicit-constructor)
  /// A number per channel [C].
  channel_statistic(const std::vector<double>& per_channel)  // NOLINT(google-explicit-constructor)
      : values_(per_channel) {}
  /// A number, or one per channel [C], of a floating point dtype; throws std::invalid_argument for others.
  channel_statistic(const at::Tensor& per_channel) {  // NOLINT(google-explicit-constructor)
    require(per_channel.defined() && per_channel.dim() <= 1 && per_channel.is_floating_point(),
            "normalised: mean and standard deviation are a number, or one per channel [C]");
    const at::Tensor listed = per_channel.detach().to(at::kCPU, at::kDouble).contiguous();
    values_.assign(detail::elements_of<double>(listed), detail::elements_of<double>(listed) + listed.numel());
  }

  /// The numbers, one or C.
  [[nodiscard]] const std::vector<double>& values() const { return values_; }

 private:
  std::vector<double> values_;
};

/// A model of normalised inputs as a classifier of plain ones: model((x - mean) / standard deviation), by channel.
///
/// So that attacks see the data's own box and unit: `normalised model{net, {0.485, 0.456, 0.406}, {0.229, 0.224,
/// 0.225}}` takes x [N, C, ...] in [0, 1], and an eps of 8/255 is one of pixels. Numbers hold for all channels. Holds a
/// copy of the model; copies of `nn_model` and `script_model` are the same model. Parameters, buffers, modes and
/// `features` are those of the model, where it has them.
/// Throws std::invalid_argument for numbers that are not finite, a deviation that is not positive, counts of channels
/// that differ, and, when called, an input of another count of channels. Cost: two passes over x.
template <class Model>
class normalised {
  static_assert(a_classifier<Model>, "normalised: the model must map a batch at::Tensor to logits at::Tensor");

 public:
  /// `mean` and `deviation` are in the unit of the input.
  normalised(Model model, const channel_statistic& mean, const channel_statistic& deviation)
      : model_{std::move(model)}, mean_{mean.values()}, deviation_{deviation.values()} {
    require(!mean_.empty() && !deviation_.empty(), "normalised: mean and standard deviation need a number each");
    require(mean_.size() == deviation_.size() || mean_.size() == 1 || deviation_.size() == 1,
            "normalised: the mean has ", mean_.size(), " channels, the standard deviation ", deviation_.size());
    for (const double value : mean_) {
      require(std::isfinite(value), "normalised: the mean must be finite, got ", value);
    }
    for (const double value : deviation_) {
      require(std::isfinite(value) && value > 0, "normalised: the standard deviation must be finite and positive, got ",
              value);
    }
  }

  /// The logits [N, C] of plain x [N, C, ...].
  at::Tensor operator()(const at::Tensor& x) const { return model_(scaled(x)); }

  /// The model's `features` of the scaled input, where it has them.
  [[nodiscard]] auto features(const at::Tensor& x) const requires requires(Model& model) { model.features(x); }
  { return model_.features(scaled(x)); }

  /// All parameters, those of submodules included; they share the module's memory.
  [[nodiscard]] std::vector<at::Tensor> parameters() const requires a_module<Model> { return model_.parameters(); }
  /// All buffers (BatchNorm's statistics, say), those of submodules included; they share the module's memory.
  [[nodiscard]] std::vector<at::Tensor> buffers() const requires a_module<Model> { return model_.buffers(); }
  /// Each submodule's train/eval flag.
  [[nodiscard]] std::vector<bool> modes() const requires a_module<Model> { return model_.modes(); }
  /// Puts back what `modes` read.
  void set_modes(const std::vector<bool>& flags) const requires a_module<Model> { model_.set_modes(flags); }
  /// Sets train mode for all submodules, or eval mode.
  void train(bool on = true) const requires a_module<Model> { model_.train(on); }

  /// What the model is given for x [N, C, ...], like x.
  [[nodiscard]] at::Tensor scaled(const at::Tensor& x) const {
    return x.sub(by_channel("mean", mean_, x)).div(by_channel("standard deviation", deviation_, x));
  }

  /// The model of normalised inputs.
  [[nodiscard]] Model& inner() const { return model_; }

 private:
  static at::Tensor by_channel(const char* what, const std::vector<double>& values, const at::Tensor& x) {
    if (values.size() == 1) {
      return x.new_full({}, values[0]);
    }
    const auto channels = static_cast<std::int64_t>(values.size());
    require(x.dim() >= 2 && x.size(1) == channels, "normalised: the ", what, " has ", channels,
            " channels, but the input is ", x.sizes());
    std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
    shape[1] = channels;
    return at::tensor(values, at::kDouble).to(x.options()).view(shape);
  }

  mutable Model model_;  // asked, and its modes set, through a const adapter as through a const nn_model
  std::vector<double> mean_;
  std::vector<double> deviation_;
};

}  // namespace redoubt

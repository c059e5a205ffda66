#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstdint>
#include <redoubt/core/error.hpp>
#include <utility>
#include <vector>

namespace redoubt {

/// An exponential moving average of a model's weights: flatter, and more robust, than the last weights themselves.
///
/// average <- d * average + (1 - d) * weight with d = min(decay, (1 + t) / (10 + t)) at update t = 0, 1, ...: the ramp
/// lets the first, random weights be forgotten. Weights are the model's parameters and floating-point buffers; others
/// are passed over. Memory: a copy of them. Cost of an update: one pass over them. Source: Polyak & Juditsky 1992; for
/// adversarial training Gowal et al. 2020 (arXiv:2010.03593), section 4.4.
class weight_average {
 public:
  /// Averages `weights`, whose memory it shares, from what they are now. Throws std::invalid_argument for a decay
  /// outside [0, 1).
  weight_average(const std::vector<at::Tensor>& weights, double decay) : decay_{decay} {
    require(decay >= 0 && decay < 1, "weight_average: decay must lie in [0, 1), got ", decay);
    for (const at::Tensor& weight : weights) {
      if (weight.is_floating_point()) {
        weights_.push_back(weight);
        averages_.push_back(weight.detach().clone());
      }
    }
  }

  /// Takes the weights as they are now into the average.
  void update() {
    const at::NoGradGuard no_gradient;
    const auto t = static_cast<double>(updates_++);
    const double decay = std::min(decay_, (1 + t) / (10 + t));
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      averages_[i].lerp_(weights_[i], 1 - decay);  // exact where both are equal: a frozen weight is its own average
    }
  }

  /// Exchanges the model's weights with the averages; a second call puts both back.
  void swap() {
    const at::NoGradGuard no_gradient;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const at::Tensor weight = weights_[i].detach().clone();
      weights_[i].copy_(averages_[i]);
      averages_[i].copy_(weight);
    }
  }

  /// The averages, one for each weight.
  [[nodiscard]] const std::vector<at::Tensor>& averages() const { return averages_; }
  /// How many steps they have seen.
  [[nodiscard]] std::int64_t updates() const { return updates_; }

  /// Goes on from a saved average of the same weights. Throws std::invalid_argument for tensors of
  /// another number or shape, and has changed nothing then.
  void restore(const std::vector<at::Tensor>& averages, std::int64_t updates) {
    require(averages.size() == averages_.size(), "weight_average: needs ", averages_.size(), " tensors, got ",
            averages.size());
    for (std::size_t i = 0; i < averages.size(); ++i) {
      require(averages[i].sizes() == averages_[i].sizes(), "weight_average: tensor ", i, " must be of shape ",
              averages_[i].sizes(), ", got ", averages[i].sizes());
    }
    const at::NoGradGuard no_gradient;
    for (std::size_t i = 0; i < averages.size(); ++i) {
      averages_[i].copy_(averages[i]);
    }
    updates_ = updates;
  }

 private:
  double decay_;
  std::int64_t updates_ = 0;
  std::vector<at::Tensor> weights_;
  std::vector<at::Tensor> averages_;
};

}  // namespace redoubt

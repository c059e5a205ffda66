#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include <memory>
#include <redoubt/model/module.hpp>

#include "models.hpp"

namespace redoubt::testing {

/// A torch::nn net with all that an attack could disturb: BatchNorm's statistics, dropout's draws, nested modes.
class fragile_net : public torch::nn::Module {
 public:
  static constexpr std::int64_t inputs = 6;
  static constexpr std::int64_t classes = 3;

  fragile_net() {
    body_ = register_module("body", torch::nn::Linear(inputs, 8));
    norm_ = register_module("norm", torch::nn::BatchNorm1d(8));
    dropout_ = register_module("dropout", torch::nn::Dropout(0.5));
    head_ = register_module("head", torch::nn::Linear(8, classes));
    const at::NoGradGuard no_gradient;
    std::uint64_t seed = 77;
    for (at::Tensor& parameter : parameters()) {
      parameter.copy_(normal({parameter.numel(), 1}, seed++).view_as(parameter));
    }
  }

  at::Tensor forward(const at::Tensor& x) { return head_(dropout_(norm_(body_(x.flatten(1))).tanh())); }

  torch::nn::BatchNorm1d& norm() { return norm_; }

 private:
  torch::nn::Linear body_{nullptr};
  torch::nn::BatchNorm1d norm_{nullptr};
  torch::nn::Dropout dropout_{nullptr};
  torch::nn::Linear head_{nullptr};
};

inline nn_model<fragile_net> fragile_nn() {
  return nn_model{std::make_shared<fragile_net>()};
}

}  // namespace redoubt::testing

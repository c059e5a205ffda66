#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <redoubt/core/random.hpp>
#include <redoubt/model/module.hpp>
#include <redoubt/model/script.hpp>
#include <redoubt/train/training_options.hpp>
#include <string>
#include <vector>

/// A problem whose answer is known, and models that learn it within a second.
namespace small {

constexpr std::int64_t features = 16;

/// The problem of Tsipras et al. 2019 (arXiv:1805.12152, section 2.1) in [0, 1]: what is accurate is not robust.
///
/// Feature 0 lies 0.3 on the right side of the middle, with a chance of 0.9; no attack of 0.1 turns it. Each other lies
/// 0.05 +- 0.1 on the right side: together they are right 19 times of 20 and more, and an attack of 0.1 turns them all.
inline redoubt::labelled_data accurate_or_robust(std::int64_t samples, std::uint64_t seed) {
  const at::Tensor rows = at::arange(samples);
  at::Tensor y = rows.remainder(2);
  const at::Tensor side = y.to(at::kFloat).mul(2).sub(1).unsqueeze(1);
  at::Tensor x = redoubt::normal_like(at::empty({samples, features}), rows, {.seed = seed}).mul(0.1).add(side * 0.05);
  const at::Tensor drawn = redoubt::uniform_like(at::empty({samples, 1}), rows, {.seed = seed, .step = 1});
  x.narrow(1, 0, 1).copy_(side * drawn.lt(0.9).to(at::kFloat).mul(2).sub(1) * 0.3);
  return {x.add(0.5).clamp(0, 1), y};
}

/// One hidden layer.
struct perceptron : torch::nn::Module {
  torch::nn::Linear hidden = register_module("hidden", torch::nn::Linear(features, 16));
  torch::nn::Linear logits = register_module("logits", torch::nn::Linear(16, 2));

  at::Tensor forward(const at::Tensor& x) { return logits(hidden(x - 0.5).relu()); }
};

/// The same with all that makes resuming hard: BatchNorm's statistics, and dropout's draws from the global generator.
struct noisy_perceptron : torch::nn::Module {
  torch::nn::Linear hidden = register_module("hidden", torch::nn::Linear(features, 16));
  torch::nn::BatchNorm1d norm = register_module("norm", torch::nn::BatchNorm1d(16));
  torch::nn::Dropout dropout = register_module("dropout", torch::nn::Dropout(0.25));
  torch::nn::Linear logits = register_module("logits", torch::nn::Linear(16, 2));

  at::Tensor forward(const at::Tensor& x) { return logits(dropout(norm(hidden(x - 0.5)).relu())); }
};

/// The model with weights drawn at `seed`, in train mode.
template <class Module>
redoubt::nn_model<Module> made(std::uint64_t seed) {
  at::manual_seed(seed);
  return redoubt::nn_model{std::make_shared<Module>()};
}

/// A TorchScript perceptron with a method `features`, in train mode; `dropout` is its rate.
inline redoubt::script_model scripted(std::uint64_t seed, double dropout = 0) {
  torch::jit::Module module{"small"};
  std::int64_t row = 0;
  const auto layer = [&](const std::string& name, std::int64_t outputs, std::int64_t inputs) {
    const double bound = 1 / std::sqrt(static_cast<double>(inputs));
    const at::Tensor drawn =
        redoubt::uniform_like(at::empty({1, outputs, inputs}), at::full({1}, row++, at::kLong), {.seed = seed});
    module.register_parameter(name + "_weight", drawn.squeeze(0).mul(2 * bound).sub(bound).requires_grad_(), false);
    module.register_parameter(name + "_bias", at::zeros({outputs}).requires_grad_(), false);
  };
  layer("hidden", 16, features);
  layer("logits", 2, 16);
  module.register_attribute("training", c10::BoolType::get(), true);
  module.register_attribute("rate", c10::FloatType::get(), dropout);
  module.define(R"(
def features(self, x: Tensor) -> Tensor:
    return torch.relu(torch.linear(x - 0.5, self.hidden_weight, self.hidden_bias))

def forward(self, x: Tensor) -> Tensor:
    hidden = torch.dropout(self.features(x), self.rate, self.training)
    return torch.linear(hidden, self.logits_weight, self.logits_bias)
)");
  return redoubt::script_model{module};
}

/// Parameters and buffers, copied.
template <class Model>
std::vector<at::Tensor> state_of(const Model& model) {
  std::vector<at::Tensor> state;
  for (const at::Tensor& tensor : model.parameters()) {
    state.push_back(tensor.detach().clone());
  }
  for (const at::Tensor& tensor : model.buffers()) {
    state.push_back(tensor.detach().clone());
  }
  return state;
}

inline bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor left = a.detach().contiguous();
  const at::Tensor right = b.detach().contiguous();
  return left.sizes() == right.sizes() && left.scalar_type() == right.scalar_type() &&
         std::memcmp(left.const_data_ptr(), right.const_data_ptr(), left.nbytes()) == 0;
}

inline bool same_bits(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  bool same = a.size() == b.size();
  for (std::size_t i = 0; same && i < a.size(); ++i) {
    same = same_bits(a[i], b[i]);
  }
  return same;
}

}  // namespace small

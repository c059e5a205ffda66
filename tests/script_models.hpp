#pragma once

#include <redoubt/model/script.hpp>

#include "models.hpp"

namespace redoubt::testing {

/// A module in train mode, of the class of that name.
inline torch::jit::Module script_module(const std::string& name) {
  torch::jit::Module module{c10::QualifiedName{"__torch__." + name}};
  module.register_attribute("training", c10::BoolType::get(), true);
  return module;
}

/// A TorchScript net with a convolution, BatchNorm and dropout, and a method `features`: [N, 1, 6, 6] -> [N, 3].
///
/// Its layers' classes have the names by which LibTorch's passes find what they fold.
inline torch::jit::Module fragile_script_module() {
  torch::jit::Module convolution = script_module("torch.nn.modules.conv.Conv2d");
  convolution.register_parameter("weight", normal({4, 1, 3, 3}, 1), false);
  convolution.register_parameter("bias", normal({4, 1}, 2).flatten(), false);
  convolution.define("def forward(self, x):\n    return torch.conv2d(x, self.weight, self.bias)\n");

  torch::jit::Module norm = script_module("torch.nn.modules.batchnorm.BatchNorm2d");
  norm.register_parameter("weight", uniform({4, 1}, 3, 0.5, 2).flatten(), false);
  norm.register_parameter("bias", normal({4, 1}, 4).flatten(), false);
  norm.register_buffer("running_mean", normal({4, 1}, 5).flatten());
  norm.register_buffer("running_var", uniform({4, 1}, 6, 0.5, 2).flatten());
  norm.register_attribute("eps", c10::FloatType::get(), 1e-5);
  norm.define(R"(
def forward(self, x):
    return torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.training, 0.1, self.eps, False)
)");

  torch::jit::Module net = script_module("net");
  net.register_module("convolution", convolution);
  net.register_module("norm", norm);
  net.register_parameter("weight", normal({3, 64}, 7).mul_(0.2), false);
  net.define(R"(
def features(self, x):
    return torch.flatten(torch.tanh(self.norm.forward(self.convolution.forward(x))), 1)

def forward(self, x):
    return torch.linear(torch.dropout(self.features(x), 0.5, self.training), self.weight)
)");
  for (const at::Tensor& parameter : net.parameters()) {
    parameter.requires_grad_();
  }
  return net;
}

inline script_model fragile_script() {
  return script_model{fragile_script_module()};
}

}  // namespace redoubt::testing

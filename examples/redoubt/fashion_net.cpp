#include "fashion_net.hpp"

#include <torch/csrc/jit/api/module.h>
#include <torch/types.h>

#include <cmath>
#include <redoubt/core/random.hpp>

namespace redoubt::program {
namespace {

constexpr const char* source = R"(
def features(self, x: Tensor) -> Tensor:
    x = (x - 0.286) * 2.83286
    x = torch.relu(torch.conv2d(x, self.conv1_weight, self.conv1_bias, [2, 2], [1, 1]))
    x = torch.relu(torch.conv2d(x, self.conv2_weight, self.conv2_bias, [2, 2], [1, 1]))
    return torch.relu(torch.linear(torch.flatten(x, 1), self.hidden_weight, self.hidden_bias))

def forward(self, x: Tensor) -> Tensor:
    return torch.linear(self.features(x), self.logits_weight, self.logits_bias)
)";

class layer_maker {
 public:
  layer_maker(torch::jit::Module& module, std::uint64_t seed) : module_{module}, seed_{seed} {}

  void operator()(const std::string& name, const std::vector<std::int64_t>& shape) {
    std::int64_t fan_in = 1;
    for (std::size_t i = 1; i < shape.size(); ++i) {
      fan_in *= shape[i];
    }
    module_.register_parameter(name + "_weight", drawn(shape, fan_in), false);
    module_.register_parameter(name + "_bias", drawn({shape[0]}, fan_in), false);
  }

 private:
  at::Tensor drawn(const std::vector<std::int64_t>& shape, std::int64_t fan_in) {
    const double bound = 1 / std::sqrt(static_cast<double>(fan_in));
    const at::Tensor like = torch::empty(shape).unsqueeze(0);
    const at::Tensor one_row = torch::full({1}, next_row_++, torch::kLong);
    return uniform_like(like, one_row, {.seed = seed_}).squeeze(0).mul(2 * bound).sub(bound).requires_grad_();
  }

  torch::jit::Module& module_;
  std::uint64_t seed_;
  std::int64_t next_row_ = 0;
};

}  // namespace

script_model make_fashion_net(std::uint64_t seed, int width) {
  require(width >= 1 && width <= 64, "fashion_net: width must lie in [1, 64], got ", width);
  torch::jit::Module module{"fashion_net"};
  const std::int64_t w = width;
  layer_maker layer{module, seed};
  layer("conv1", {16 * w, 1, 4, 4});
  layer("conv2", {32 * w, 16 * w, 4, 4});
  layer("hidden", {100 * w, 32 * w * 7 * 7});
  layer("logits", {10, 100 * w});
  module.define(source);
  return script_model{module};
}

}  // namespace redoubt::program

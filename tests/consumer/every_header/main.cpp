// A model is hardened, attacked and measured: what uses most of LibTorch's interface.
#include <redoubt/redoubt.hpp>

#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>

#include <cstdio>

int main() {
  const at::Tensor x = at::cat({at::full({32, 2}, 0.2), at::full({32, 2}, 0.8)});
  const at::Tensor y = at::cat({at::zeros({32}, at::kLong), at::ones({32}, at::kLong)});
  torch::nn::Linear classifier(2, 2);
  const auto model = [&](const at::Tensor& input) { return classifier(input); };

  torch::optim::SGD optimizer(classifier->parameters(), 2.);
  const redoubt::pgd attack{redoubt::linf{.radius = 0.1}, {.step = 0.05, .steps = 3}};
  for (int step = 0; step < 100; ++step) {
    const at::Tensor adversarial = attack(model, x, y);
    optimizer.zero_grad();
    redoubt::cross_entropy{}(model(adversarial), y).mean().backward();
    optimizer.step();
  }
  const auto report = redoubt::robust_accuracy(redoubt::auto_attack{redoubt::linf{.radius = 0.1}}, model, x, y);
  std::printf("accuracy %.3f, under attack %.3f\n", report.clean_accuracy, report.robust_accuracy);
  return report.clean_accuracy == 1. && report.robust_accuracy == 1. ? 0 : 1;
}

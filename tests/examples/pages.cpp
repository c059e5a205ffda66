// The calls that single pages of the documentation show: each compiles and runs.

#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>
#include <redoubt/attack/auto_attack.hpp>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/distributed/share.hpp>
#include <redoubt/distributed/weights.hpp>
#include <redoubt/drift/e_detector.hpp>
#include <redoubt/evaluate/gradient_health.hpp>
#include <redoubt/evaluate/robust_accuracy.hpp>
#include <redoubt/model/module.hpp>
#include <redoubt/norm/linf.hpp>
#include <redoubt/train/adversarial_trainer.hpp>

#include <ATen/ATen.h>

#include <iostream>
#include <vector>

namespace {

// docs/guide/evaluate.md
template <class Model>
bool evaluate(const Model& model, const at::Tensor& x, const at::Tensor& y) {
  const redoubt::auto_attack attack{redoubt::linf{.radius = 8. / 255}};
  const auto report = redoubt::robust_accuracy(attack, model, x, y, {.probe = redoubt::gradient_health{attack.ball}});

  std::cout << "robust: " << report.robust_accuracy << ", warnings: " << report.warnings.size() << "\n";
  return report.clean_accuracy == 1;
}

// docs/detectors.md
bool watch(const std::vector<bool>& errors) {
  int alarms = 0;

  redoubt::e_sr detector{{.healthy = 0.12, .run_length = 10000}};
  for (const bool error : errors) {
    if (detector.update(error ? 1 : 0) == redoubt::alarm::drift) {
      ++alarms;  // more errors than stated
    }
  }

  return alarms > 0;
}

// docs/distributed.md
bool train_in_many_processes(const redoubt::labelled_data& data) {
  redoubt::nn_model model{torch::nn::Linear{16, 2}.ptr()};
  torch::optim::SGD optimizer{model.parameters(), torch::optim::SGDOptions{0.1}};
  const redoubt::fgsm attack{redoubt::linf{.radius = 0.01}};

  const redoubt::process_group group;        // from the environment
  redoubt::broadcast_weights(group, model);  // all start as rank 0
  redoubt::adversarial_trainer trainer{model, attack, optimizer, data, {.share = redoubt::share_of(group)}};
  trainer.run();

  return group.world() == 1;
}

}  // namespace

int main() {
  const at::Tensor weights = at::arange(16 * 2).mul(1.7).sin().view({16, 2});
  const auto model = [&](const at::Tensor& image) { return image.flatten(1).matmul(weights); };
  const at::Tensor x = at::arange(8 * 16).mul(0.7).cos().mul(0.2).add(0.5).view({8, 16});
  const at::Tensor y = model(x).argmax(1);
  const bool right = evaluate(model, x, y) && watch(std::vector<bool>(100, true)) && train_in_many_processes({x, y});
  return right ? 0 : 1;
}

// Notices that a model is attacked, hardens another on the same data, and lets a gate decide which of them serves.

#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/no_attack.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/drift/e_detector.hpp>
#include <redoubt/evaluate/robust_accuracy.hpp>
#include <redoubt/model/module.hpp>
#include <redoubt/norm/linf.hpp>
#include <redoubt/train/adversarial_trainer.hpp>
#include <redoubt/watch/gate.hpp>

#include <ATen/ATen.h>

#include <cstdio>

namespace {

constexpr std::int64_t hints = 100;

// Two classes. The first feature tells them apart by far, but for one sample in twenty. Each of a hundred others gives
// a hint, which an attacker of radius 0.1 turns round.
redoubt::labelled_data samples(std::int64_t count, std::uint64_t seed) {
  const at::Tensor rows = at::arange(count);
  const at::Tensor y = rows.remainder(2);
  const at::Tensor sign = y.mul(2).sub(1).to(at::kFloat).unsqueeze(1);
  const at::Tensor told = redoubt::uniform_like(at::empty({count, 1}), rows, {.seed = seed}).gt(0.05).mul(2).sub(1);
  const at::Tensor noise = redoubt::normal_like(at::empty({count, hints}), rows, {.seed = seed + 1}).mul(0.1);
  return {at::cat({sign.mul(told).mul(0.3), sign.mul(0.03).add(noise)}, 1).add(0.5).clamp(0, 1), y};
}

// [example: harden]
// A linear classifier, trained on what `attack` makes of the data: `no_attack` for a standard one.
template <class Attack>
auto trained(const Attack& attack, const redoubt::labelled_data& data) {
  redoubt::nn_model model{torch::nn::Linear{hints + 1, 2}.ptr()};
  torch::optim::SGD optimizer{model.parameters(), torch::optim::SGDOptions{0.5}.momentum(0.9)};
  redoubt::adversarial_trainer trainer{model, attack, optimizer, data, {.epochs = 30, .batch = 100}};
  trainer.run();
  return model;
}
// [/example]

}  // namespace

int main() {
  const redoubt::labelled_data learnt = samples(2000, 1);
  const redoubt::labelled_data held_out = samples(2000, 3);
  const redoubt::linf ball{.radius = 0.1};
  const auto standard = trained(redoubt::no_attack{}, learnt);

  // [example: watch]
  // At most six answers in a hundred are wrong while the model is healthy; a false alarm comes once in 100,000 labels.
  redoubt::e_sr detector{{.healthy = 0.06, .run_length = 1e5}};
  const at::Tensor attacked = redoubt::fgsm{ball}(standard, held_out.x, held_out.y);
  const at::Tensor wrong = standard(attacked).argmax(1).ne(held_out.y);
  std::int64_t seen = 0;
  while (detector.update(wrong[seen++].item<bool>() ? 1 : 0) != redoubt::alarm::drift) {
  }
  // [/example]
  std::printf("alarm after %lld labels of attacked requests\n", static_cast<long long>(seen));

  // [example: gate]
  const redoubt::pgd attack{ball, {.step = 0.025, .steps = 10}};
  const auto hardened = trained(attack, learnt);
  const auto before = redoubt::robust_accuracy(attack, standard, held_out.x, held_out.y);
  const auto after = redoubt::robust_accuracy(attack, hardened, held_out.x, held_out.y);
  const redoubt::gate_decision decision = redoubt::decide(after, before);
  // [/example]
  for (const std::string& reason : decision.reasons) {
    std::printf("%s\n", reason.c_str());
  }
  return decision.promote ? 0 : 1;
}

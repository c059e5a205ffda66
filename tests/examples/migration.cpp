// The calls that docs/migration.md shows beside those of other libraries: each compiles, runs, and stays in its ball.

#include <redoubt/attack/adam.hpp>
#include <redoubt/attack/apgd.hpp>
#include <redoubt/attack/apgd_targeted.hpp>
#include <redoubt/attack/auto_attack.hpp>
#include <redoubt/attack/carlini_wagner.hpp>
#include <redoubt/attack/diverse_input.hpp>
#include <redoubt/attack/fab.hpp>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/fmn.hpp>
#include <redoubt/attack/mi_fgsm.hpp>
#include <redoubt/attack/ni_fgsm.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/attack/square.hpp>
#include <redoubt/loss/dlr.hpp>
#include <redoubt/model/normalised.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>

#include <ATen/ATen.h>

#include <cstdio>

int main() {
  const at::Tensor weights = at::arange(10 * 64).mul(1.7).sin().view({10, 64});
  const auto model = [&](const at::Tensor& image) { return image.flatten(1).matmul(weights.t()); };
  const at::Tensor x = at::arange(8 * 64).mul(0.7).cos().mul(0.2).add(0.5).view({8, 1, 8, 8});
  const at::Tensor y = model(x).argmax(1);
  const redoubt::linf ball{.radius = 8. / 255};
  int calls = 0;
  int outside = 0;
  const auto check = [&](const auto& attack, const auto& given_model) {
    const at::Tensor d = attack(given_model, x, y).sub(x);
    outside += attack.ball.length(d).max().template item<double>() > redoubt::radius_of(attack.ball).number() + 1e-5;
    ++calls;
  };
  const auto run = [&](const auto& attack) { check(attack, model); };

  // clang-format off
  run(redoubt::fgsm{redoubt::linf{.radius = 8. / 255}});
  run(redoubt::pgd{ball, {.step = 2. / 255, .steps = 10}});
  run(redoubt::pgd{redoubt::l2{.radius = 1}, {.step = 0.2, .steps = 10}});
  run(redoubt::mi_fgsm{ball, {.steps = 10, .decay = 1}});
  run(redoubt::ni_fgsm{ball, {.steps = 10, .decay = 1}});
  run(redoubt::mi_fgsm{ball, {.decay = 0, .transform = redoubt::diverse_input{.probability = 0.5, .least = 0.9}}});
  run(redoubt::apgd{ball, {.steps = 100, .restarts = 1, .rho = 0.75}});
  run(redoubt::apgd{ball, {.loss = redoubt::dlr{}}});
  run(redoubt::apgd_targeted{ball, {.steps = 100, .target_classes = 9}});
  run(redoubt::fab{ball, {.steps = 100, .alpha_max = 0.1, .eta = 1.05, .beta = 0.9}});
  run(redoubt::square{ball, {.queries = 5000, .p = 0.8}});
  run(redoubt::carlini_wagner{redoubt::l2{.radius = 1}, {.steps = 50, .learning_rate = 0.01, .search_steps = 1, .initial_constant = 1}});
  run(redoubt::auto_attack{redoubt::linf{.radius = 8. / 255}});
  check(redoubt::pgd{ball}, redoubt::normalised{model, 0.5, 0.25});
  run(redoubt::pgd{ball, {.targeted = true}});

  run(redoubt::fgsm{ball});
  run(redoubt::pgd{ball, {.step = 0.01, .steps = 40}});
  run(redoubt::pgd{redoubt::l2{.radius = 1}, {.step = 0.01}, redoubt::adam{}});
  run(redoubt::carlini_wagner{redoubt::l2{.radius = 1}, {.steps = 300, .search_steps = 9}});
  run(redoubt::fmn{ball, {.steps = 100, .gamma = 0.05}});

  run(redoubt::fgsm{redoubt::linf{.radius = 0.1}});
  run(redoubt::pgd{redoubt::l2{.radius = 1}, {.step = 0.1, .steps = 40, .restarts = 5}});
  run(redoubt::pgd{ball, {.random_start = false}});
  run(redoubt::apgd{ball, {.steps = 100, .loss = redoubt::dlr{}}});
  run(redoubt::square{ball, {.queries = 1000, .p = 0.8, .restarts = 1}});
  run(redoubt::carlini_wagner{redoubt::l2{.radius = 1}, {.steps = 10, .confidence = 0, .search_steps = 10}});
  run(redoubt::auto_attack{redoubt::linf{.radius = 0.1}});
  // clang-format on

  std::printf("%d calls, %d outside their ball\n", calls, outside);
  return outside == 0 ? 0 : 1;
}

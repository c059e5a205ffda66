// What every attack promises about the model it is given, for each attack and each kind of model.

#include <redoubt/attack/apgd.hpp>
#include <redoubt/attack/apgd_targeted.hpp>
#include <redoubt/attack/carlini_wagner.hpp>
#include <redoubt/attack/fab.hpp>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/fmn.hpp>
#include <redoubt/attack/mi_fgsm.hpp>
#include <redoubt/attack/ni_fgsm.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/attack/scale_invariant.hpp>
#include <redoubt/attack/spsa.hpp>
#include <redoubt/attack/square.hpp>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <doctest/doctest.h>

#include <redoubt/norm/l0.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <vector>

#include "../nn_models.hpp"
#include "../script_models.hpp"

using redoubt::apgd;
using redoubt::apgd_targeted;
using redoubt::carlini_wagner;
using redoubt::fab;
using redoubt::fgsm;
using redoubt::fmn;
using redoubt::iterate;
using redoubt::l0;
using redoubt::l1;
using redoubt::l2;
using redoubt::linf;
using redoubt::mi_fgsm;
using redoubt::ni_fgsm;
using redoubt::pgd;
using redoubt::spsa;
using redoubt::square;
using redoubt::testing::labels;
using redoubt::testing::uniform;

namespace {

/// Calls `check(attack)` for attacks that ask the model for whole batches only, as BatchNorm in train mode wants them,
/// or for the share of a batch that was right at first.
template <class Check>
void with_each_whole_batch_attack(const Check& check) {
  check(fgsm{linf{0.1}});
  check(fgsm{l2{0.5}, {.random_start = true}});
  check(pgd{linf{0.1}, {.steps = 3}});
  check(pgd{l2{0.5}, {.step = 0.2, .steps = 3, .keep = iterate::last}});
  check(mi_fgsm{linf{0.1}, {.steps = 3}});
  check(ni_fgsm{l2{0.5}, {.steps = 3, .transform = redoubt::scale_invariant{2}, .eot = 2}});
  check(apgd{linf{0.1}, {.steps = 5, .drop_fooled = false}});
  check(apgd{l2{0.5}, {.steps = 5, .drop_fooled = false}});
  check(apgd{l1{1}, {.steps = 5, .drop_fooled = false}});
  check(fmn{linf{0.1}, {.steps = 3}});
  check(pgd{l1{1}, {.step = 1, .steps = 3}});
  check(pgd{l0{2}, {.step = 1, .steps = 3}});
}

/// Calls `check(attack)` for every attack, those that go on with what is left of a batch included.
template <class Check>
void with_each_attack(const Check& check) {
  with_each_whole_batch_attack(check);
  check(pgd{linf{0.1}, {.steps = 3, .restarts = 2}});
  check(pgd{l2{0.5}, {.step = 0.2, .steps = 3, .drop_fooled = true}});
  check(apgd{linf{0.1}, {.steps = 5, .restarts = 2}});
  check(apgd{l1{1}, {.steps = 5, .restarts = 2}});
  check(apgd_targeted{l2{0.5}, {.steps = 5}});
  check(apgd_targeted{l1{1}, {.steps = 5, .target_classes = 2}});
  check(fab{linf{0.1}, {.steps = 3}});
  check(fab{l1{1}, {.steps = 3, .restarts = 2, .target_classes = 2}});
  check(fmn{linf{0.1}, {.steps = 3, .restarts = 2}});
  check(carlini_wagner{l2{0.5}, {.steps = 3, .search_steps = 2}});
  check(carlini_wagner{l2{0.5}, {.steps = 3, .search_steps = 2, .abort_early = false}});
  check(fmn{l2{0.5}, {.steps = 3, .drop_fooled = true}});
  check(fmn{l1{2}, {.steps = 3, .restarts = 2}});
  check(fmn{l0{2}, {.steps = 3}});
  check(carlini_wagner{l2{0.5}, {.steps = 3, .search_steps = 2, .drop_fooled = true}});
  check(square{linf{0.1}, {.queries = 20}});
  check(square{l2{0.5}, {.queries = 20, .restarts = 2}});
  check(square{l1{1}, {.queries = 20}});
  check(spsa{linf{0.1}, {.steps = 3, .samples = 4}});
}

/// Calls `check(model, x)` for a torch::nn net and a TorchScript net, with BatchNorm and dropout.
template <class Check>
void with_each_model(const Check& check) {
  auto nn = redoubt::testing::fragile_nn();
  check(nn, uniform({40, 6}, 1));
  auto script = redoubt::testing::fragile_script();
  check(script, uniform({40, 1, 6, 6}, 1));
}

/// A module that throws from inside its third call.
template <class Module>
struct throws_later {
  Module inner;
  int calls = 0;

  at::Tensor operator()(const at::Tensor& x) {
    at::Tensor logits = inner(x);
    if (++calls == 3) {
      throw std::runtime_error{"inside the model"};
    }
    return logits;
  }
  [[nodiscard]] std::vector<at::Tensor> parameters() const { return inner.parameters(); }
  [[nodiscard]] std::vector<at::Tensor> buffers() const { return inner.buffers(); }
  [[nodiscard]] std::vector<bool> modes() const { return inner.modes(); }
  void set_modes(const std::vector<bool>& flags) { inner.set_modes(flags); }
  void train(bool on) { inner.train(on); }
};

std::vector<at::Tensor> copies(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> made;
  made.reserve(tensors.size());
  for (const at::Tensor& tensor : tensors) {
    made.push_back(tensor.detach().clone());
  }
  return made;
}

bool all_equal(const std::vector<at::Tensor>& left, const std::vector<at::Tensor>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const at::Tensor& a, const at::Tensor& b) { return at::equal(a, b); });
}

/// All of a model and of the world around it that an attack could disturb.
struct state {
  std::vector<at::Tensor> parameters, gradients, buffers;
  std::vector<bool> modes, wanted;
  at::Tensor generator;
  bool grad_mode = at::GradMode::is_enabled();

  template <class Model>
  static state of(const Model& model) {
    state seen;
    seen.parameters = copies(model.parameters());
    for (const at::Tensor& parameter : model.parameters()) {
      seen.gradients.push_back(parameter.grad().defined() ? parameter.grad().clone() : at::Tensor{});
      seen.wanted.push_back(parameter.requires_grad());
    }
    seen.buffers = copies(model.buffers());
    seen.modes = model.modes();
    seen.generator = at::detail::getDefaultCPUGenerator().get_state();
    return seen;
  }

  void check_same(const state& now) const {
    CHECK(all_equal(parameters, now.parameters));
    CHECK(all_equal(buffers, now.buffers));
    CHECK(modes == now.modes);
    CHECK(wanted == now.wanted);
    CHECK(at::equal(generator, now.generator));
    CHECK(grad_mode == now.grad_mode);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      CHECK(gradients[i].defined() == now.gradients[i].defined());
      CHECK((!gradients[i].defined() || at::equal(gradients[i], now.gradients[i])));
    }
  }
};

/// Gives the first parameter a gradient, freezes the second, and one submodule's mode: BatchNorm's, which then takes
/// what is left of a batch, however little.
template <class Model>
void make_particular(Model& model) {
  auto parameters = model.parameters();
  parameters[0].mutable_grad() = at::full_like(parameters[0], 0.25);
  parameters[1].requires_grad_(false);
  model.train(true);
  std::vector<bool> modes = model.modes();
  modes[2] = false;
  model.set_modes(modes);
}

}  // namespace

TEST_CASE("attacks leave a model in train mode as it was: parameters, gradients, buffers, modes, global draws") {
  with_each_model([](auto& model, const at::Tensor& x) {
    const auto check_left_as_it_was = [&](const auto& attack) {
      const state before = state::of(model);
      (void)attack(model, x, labels(40, 3, 2));
      before.check_same(state::of(model));
    };
    make_particular(model);
    with_each_attack(check_left_as_it_was);
    model.train(true);
    with_each_whole_batch_attack(check_left_as_it_was);
  });
}

TEST_CASE("the models of these tests would show it: run in train mode they move buffers and global draws") {
  with_each_model([](auto& model, const at::Tensor& x) {
    model.train(true);
    const state before = state::of(model);
    (void)model(x);
    const state after = state::of(model);
    CHECK_FALSE(all_equal(before.buffers, after.buffers));
    CHECK_FALSE(at::equal(before.generator, after.generator));
  });
}

TEST_CASE("attacks leave the model as it was when it throws, too") {
  with_each_model([](auto& model, const at::Tensor& x) {
    make_particular(model);
    const pgd attack{linf{0.1}, {.steps = 5}};
    const state before = state::of(model);
    throws_later<std::remove_cvref_t<decltype(model)>> throwing{model};
    CHECK_THROWS_WITH((void)attack(throwing, x, labels(40, 3, 2)), "inside the model");
    before.check_same(state::of(model));
  });
}

TEST_CASE("attacks find the same under NoGradGuard, in inference mode, and with tensors made there") {
  with_each_model([](auto& model, const at::Tensor& x) {
    model.train(false);
    const at::Tensor y = labels(40, 3, 2);
    with_each_attack([&](const auto& attack) {
      const at::Tensor expected = attack(model, x, y);
      {
        const at::NoGradGuard no_gradient;
        CHECK(at::equal(attack(model, x, y), expected));
        CHECK_FALSE(at::GradMode::is_enabled());
      }
      at::Tensor made_x;
      at::Tensor made_y;
      {
        const c10::InferenceMode inference;
        CHECK(at::equal(attack(model, x, y), expected));
        made_x = x.clone();
        made_y = y.clone();
        CHECK(at::equal(attack(model, made_x, made_y, at::arange(40, at::kLong)), expected));
        CHECK(c10::InferenceMode::is_enabled());
      }
      CHECK(at::equal(attack(model, made_x, made_y), expected));
    });
  });
}

TEST_CASE("attacks may come between a loss and its backward pass") {
  with_each_model([](auto& model, const at::Tensor& x) {
    for (const bool train : {true, false}) {
      model.train(train);
      with_each_whole_batch_attack([&](const auto& attack) {
        const at::Tensor loss = redoubt::cross_entropy{}(model(x), labels(40, 3, 2)).sum();
        (void)attack(model, x, labels(40, 3, 2));
        CHECK_NOTHROW(loss.backward());
      });
    }
  });
}

TEST_CASE("attacks take a model as a reference, a const reference, a temporary, a lambda and a function") {
  const at::Tensor x = uniform({40, 6}, 1);
  const at::Tensor y = labels(40, 3, 2);
  auto model = redoubt::testing::fragile_nn();
  model.train(false);
  with_each_attack([&](const auto& attack) {
    const at::Tensor expected = attack(model, x, y);
    CHECK(at::equal(attack(std::as_const(model), x, y), expected));
    CHECK(at::equal(attack(redoubt::nn_model{model}, x, y), expected));
    CHECK(at::equal(attack([&](const at::Tensor& point) { return model(point); }, x, y), expected));
  });
  at::Tensor (*const function)(const at::Tensor&) = [](const at::Tensor& point) { return point.narrow(1, 0, 3); };
  CHECK_NOTHROW((void)(pgd{linf{0.1}, {}}(function, x, y)));
}

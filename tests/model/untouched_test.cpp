#include <redoubt/model/untouched.hpp>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <doctest/doctest.h>
#include <torch/csrc/autograd/autograd.h>

#include <stdexcept>

#include "../models.hpp"

namespace {

/// A model with one buffer, which each call moves: in place, or as some saved models do, by putting another in its
/// place.
struct counts_calls {
  at::Tensor buffer = at::zeros({2});
  bool in_place = true;

  at::Tensor operator()(const at::Tensor& x) {
    const at::NoGradGuard no_gradient;
    if (in_place) {
      buffer.add_(1);
    } else {
      buffer = buffer.add(1);
    }
    return x;
  }
  std::vector<at::Tensor> parameters() const { return {}; }
  std::vector<at::Tensor> buffers() const { return {buffer}; }
  std::vector<bool> modes() const { return {}; }
  void set_modes(const std::vector<bool>&) {}
  void train(bool) {}
};

static_assert(redoubt::a_module<counts_calls>);

at::Tensor generator_state() {
  return at::detail::getDefaultCPUGenerator().get_state();
}

void set_generator_state(const at::Tensor& state) {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  generator.set_state(state);
}

using guard = redoubt::untouched<counts_calls>;

}  // namespace

TEST_CASE("untouched: buffers and the global generator are put back, bit by bit") {
  counts_calls model;
  const at::Tensor handle = model.buffer;
  const at::Tensor before = generator_state();
  const at::Tensor upcoming = at::rand({5});
  set_generator_state(before);
  {
    const guard scope{model, at::kCPU};
    (void)model(at::zeros({1}));
    (void)at::rand({100});
    CHECK(model.buffer[0].item<float>() == 1);
    CHECK_FALSE(at::equal(generator_state(), before));
  }
  CHECK(at::equal(model.buffer, at::zeros({2})));
  CHECK(model.buffer.is_same(handle));
  CHECK(at::equal(at::rand({5}), upcoming));
}

TEST_CASE("untouched: also after an exception") {
  counts_calls model;
  const at::Tensor before = generator_state();
  const auto throws = [&] {
    const guard scope{model, at::kCPU};
    (void)model(at::rand({3}));
    throw std::runtime_error{"inside"};
  };
  CHECK_THROWS(throws());
  CHECK(at::equal(model.buffer, at::zeros({2})));
  CHECK(at::equal(generator_state(), before));
}

TEST_CASE("untouched: a buffer that the model put another tensor in the place of has its value back too") {
  counts_calls model{.in_place = false};
  {
    const guard scope{model, at::kCPU};
    (void)model(at::zeros({1}));
    (void)model(at::zeros({1}));
  }
  CHECK(at::equal(model.buffer, at::zeros({2})));
}

TEST_CASE("untouched: a graph that saved a buffer before can still be differentiated after") {
  counts_calls model;
  const at::Tensor x = at::ones({2}).requires_grad_();
  const at::Tensor loss = x.mul(model.buffer.add_(3)).sum();  // the product saves its factors for the way back
  { const guard scope{model, at::kCPU}; }
  CHECK_NOTHROW((void)torch::autograd::grad({loss}, {x}));
}

TEST_CASE("untouched: buffers of a model that was made in inference mode are put back as well") {
  counts_calls model;
  {
    const c10::InferenceMode inference;
    model.buffer = at::zeros({2});
  }
  {
    const guard scope{model, at::kCPU};
    const c10::InferenceMode inference;
    (void)model(at::zeros({1}));
  }
  CHECK(at::equal(model.buffer, at::zeros({2})));
}

TEST_CASE("untouched: a plain callable has no buffers, and its draws are still put back") {
  const auto model = [](const at::Tensor& x) { return x; };
  const at::Tensor before = generator_state();
  {
    const redoubt::untouched<std::remove_const_t<decltype(model)>> scope{model, at::kCPU};
    (void)at::rand({3});
  }
  CHECK(at::equal(generator_state(), before));
}

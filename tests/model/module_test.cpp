#include <redoubt/model/module.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <memory>
#include <stdexcept>

#include "../nn_models.hpp"

using redoubt::nn_model;
using redoubt::testing::fragile_net;
using redoubt::testing::fragile_nn;
using redoubt::testing::uniform;

static_assert(redoubt::a_module<nn_model<fragile_net>>);
static_assert(redoubt::a_module<const nn_model<fragile_net>>, "a module that is shared can be set through any handle");
static_assert(redoubt::a_classifier<nn_model<fragile_net>>);
static_assert(!redoubt::a_module<fragile_net>);

namespace {

bool in_training(const torch::nn::Module& module, const std::string& name) {
  return module.named_children()[name]->is_training();
}

}  // namespace

TEST_CASE("nn_model: calls forward, and lists the module's parameters and buffers") {
  const auto model = fragile_nn();
  model.train(false);
  const at::Tensor x = uniform({4, 6}, 1);
  CHECK(at::equal(model(x), model.module().forward(x)));
  CHECK(model.parameters().size() == 6);
  CHECK(model.buffers().size() == 3);  // BatchNorm's mean, variance and number of batches
}

TEST_CASE("nn_model: takes torch's own containers, from their holder") {
  torch::nn::Sequential net(torch::nn::Linear(2, 3), torch::nn::Linear(3, 2));
  const nn_model model{net.ptr()};
  CHECK(model(at::zeros({5, 2})).sizes() == at::IntArrayRef{5, 2});
  CHECK(model.modes().size() == 3);
}

TEST_CASE("nn_model: copies refer to the same module") {
  const auto model = fragile_nn();
  auto copy = fragile_nn();
  copy = model;
  copy.train(false);
  CHECK_FALSE(model.module().is_training());
}

TEST_CASE("nn_model: modes are put back submodule by submodule, so that one frozen by its owner stays frozen") {
  const auto model = fragile_nn();
  // Every combination of five flags, from every uniform mode.
  for (unsigned bits = 0; bits < 32; ++bits) {
    std::vector<bool> wanted;
    for (unsigned i = 0; i < 5; ++i) {
      wanted.push_back(((bits >> i) & 1U) != 0);
    }
    for (const bool on : {true, false}) {
      model.train(on);
      model.set_modes(wanted);
      CHECK(model.modes() == wanted);
    }
  }
  model.train(true);
  model.module().norm()->eval();
  const std::vector<bool> modes = model.modes();
  {
    const redoubt::eval_scope scope{model};
    CHECK(model.modes() == std::vector<bool>(5, false));
  }
  CHECK(model.modes() == modes);
  CHECK_FALSE(in_training(model.module(), "norm"));
  CHECK(in_training(model.module(), "dropout"));
}

TEST_CASE("nn_model: modes of modules in modules are put back too") {
  const auto inner = std::make_shared<fragile_net>();
  torch::nn::Sequential net(inner, torch::nn::Linear(3, 3));
  inner->eval();
  inner->norm()->train();
  const nn_model model{net.ptr()};
  const std::vector<bool> modes = model.modes();
  CHECK(modes == std::vector<bool>{true, false, false, true, false, false, true});
  {
    const redoubt::eval_scope scope{model};
    CHECK(model.modes() == std::vector<bool>(7, false));
  }
  CHECK(model.modes() == modes);
}

TEST_CASE("nn_model: a null pointer and a wrong number of modes are refused") {
  CHECK_THROWS_WITH_AS(nn_model<fragile_net>{nullptr}, "nn_model: the module is a null pointer", std::invalid_argument);
  CHECK_THROWS_WITH_AS(fragile_nn().set_modes({true}), "nn_model: 1 modes for 5 submodules", std::invalid_argument);
}

#include "fashion_net.hpp"

#include "temporary_folder.hpp"

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

using namespace redoubt::program;

namespace {

at::Tensor some_images() {
  return at::arange(2 * 28 * 28, at::kFloat).remainder(97).div(97).view({2, 1, 28, 28});
}

bool same_weights(const redoubt::script_model& one, const redoubt::script_model& other) {
  const std::vector<at::Tensor> a = one.parameters();
  const std::vector<at::Tensor> b = other.parameters();
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i], b[i])) {
      return false;
    }
  }
  return true;
}

std::int64_t parameters(const redoubt::script_model& model) {
  std::int64_t count = 0;
  for (const at::Tensor& parameter : model.parameters()) {
    count += parameter.numel();
  }
  return count;
}

}  // namespace

TEST_CASE("the network has the size that is stated, and ten logits over a hundred features") {
  const redoubt::script_model net = make_fashion_net(1);
  CHECK(parameters(net) == 166406);
  CHECK(net(some_images()).sizes() == at::IntArrayRef{2, 10});
  const std::optional<at::Tensor> features = net.features(some_images());
  REQUIRE(features.has_value());
  CHECK(features->sizes() == at::IntArrayRef{2, 100});
  CHECK(features->min().item<float>() >= 0);
  CHECK(make_fashion_net(1, 2).features(some_images())->sizes() == at::IntArrayRef{2, 200});
}

TEST_CASE("the logits are an affine function of the features") {
  const redoubt::script_model net = make_fashion_net(1);
  const std::vector<at::Tensor> weights = net.parameters();
  const at::Tensor expected = at::linear(*net.features(some_images()), weights.at(6), weights.at(7));
  CHECK(at::allclose(net(some_images()), expected));
}

TEST_CASE("initial weights depend on the seed alone, and lie within LibTorch's bounds") {
  const redoubt::script_model net = make_fashion_net(5);
  at::manual_seed(9);
  CHECK(same_weights(net, make_fashion_net(5)));
  CHECK_FALSE(same_weights(net, make_fashion_net(6)));
  const double fan_in[] = {16, 16, 256, 256, 1568, 1568, 100, 100};
  const std::vector<at::Tensor> weights = net.parameters();
  REQUIRE(weights.size() == 8);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double bound = 1 / std::sqrt(fan_in[i]);
    CAPTURE(i);
    CHECK(weights[i].requires_grad());
    CHECK(weights[i].abs().max().item<double>() <= bound * (1 + 1e-6));
    CHECK(weights[i].abs().max().item<double>() >= bound * 0.6);  // ten draws or more: none so large once in 150
    if (weights[i].numel() > 1000) {
      CHECK(weights[i].std().item<double>() == doctest::Approx(bound / std::sqrt(3)).epsilon(0.05));
      CHECK(std::abs(weights[i].mean().item<double>()) < 0.1 * bound);
    }
  }
}

TEST_CASE("a network that was saved is the same when it is loaded, gradients included") {
  const temporary_folder folder;
  const redoubt::script_model net = make_fashion_net(3);
  net.save((folder / "net.pt").string());
  CHECK(folder.entries() == 1);
  const redoubt::script_model loaded = redoubt::script_model::load((folder / "net.pt").string());
  CHECK(same_weights(net, loaded));
  const auto input_gradient = [](const redoubt::script_model& model) {
    const at::Tensor x = some_images().requires_grad_();
    return torch::autograd::grad({model(x).square().sum()}, {x})[0];
  };
  CHECK(at::equal(net(some_images()), loaded(some_images())));
  CHECK(at::equal(input_gradient(net), input_gradient(loaded)));
  CHECK(input_gradient(net).abs().amax({1, 2, 3}).min().item<float>() > 0);
}

TEST_CASE("a width out of range is refused") {
  CHECK(message_of<std::invalid_argument>([] { make_fashion_net(1, 0); }) ==
        "fashion_net: width must lie in [1, 64], got 0");
  CHECK_THROWS_AS(make_fashion_net(1, 65), std::invalid_argument);
}

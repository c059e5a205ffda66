#include <redoubt/loss/cross_entropy.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "../models.hpp"

using redoubt::cross_entropy;
using redoubt::testing::labels;
using redoubt::testing::normal;

TEST_CASE("cross_entropy: is log(sum exp z) - z_y of each sample") {
  const at::Tensor logits = normal({20, 7}, 1).mul_(5).to(at::kDouble);
  const at::Tensor y = labels(20, 7, 2);
  const at::Tensor loss = cross_entropy{}(logits, y);
  REQUIRE(loss.sizes() == at::IntArrayRef{20});
  for (std::int64_t i = 0; i < 20; ++i) {
    double sum = 0;
    for (std::int64_t j = 0; j < 7; ++j) {
      sum += std::exp(logits[i][j].item<double>());
    }
    const double expected = std::log(sum) - logits[i][y[i].item<std::int64_t>()].item<double>();
    CHECK(loss[i].item<double>() == doctest::Approx(expected).epsilon(1e-12));
  }
}

TEST_CASE("cross_entropy: equal logits give log C, whatever their size") {
  for (const double level : {0.0, 1000.0, -1000.0}) {
    const at::Tensor loss = cross_entropy{}(at::full({1, 10}, level), at::zeros({1}, at::kLong));
    CHECK(loss.item<double>() == doctest::Approx(std::log(10.0)).epsilon(1e-6));
  }
}

TEST_CASE("cross_entropy: its gradient is softmax(z) minus the label, and no sample's depends on another") {
  const at::Tensor logits = normal({6, 4}, 3).requires_grad_();
  const at::Tensor y = labels(6, 4, 4);
  const at::Tensor gradient = torch::autograd::grad({cross_entropy{}(logits, y).sum()}, {logits})[0];
  const at::Tensor expected = logits.detach().softmax(1).sub(at::one_hot(y, 4));
  CHECK(at::allclose(gradient, expected, 1e-5, 1e-6));
}

TEST_CASE("cross_entropy: its gradient is exactly zero once float32 rounds the label's probability to 1") {
  const at::Tensor logits = at::tensor({120.0F, 0.0F, -10.0F}).view({1, 3}).requires_grad_();
  const at::Tensor y = at::zeros({1}, at::kLong);
  const at::Tensor gradient = torch::autograd::grad({cross_entropy{}(logits, y).sum()}, {logits})[0];
  CHECK(redoubt::testing::largest(gradient) == 0);
}

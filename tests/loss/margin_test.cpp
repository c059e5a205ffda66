#include <redoubt/loss/margin.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <torch/csrc/autograd/autograd.h>

#include "../models.hpp"

using redoubt::margin;
using redoubt::testing::labels;
using redoubt::testing::normal;

TEST_CASE("margin: is the best other logit minus the label's") {
  const at::Tensor logits = at::tensor({3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 5.0, 5.0, 0.0}).view({4, 3});
  CHECK(at::equal(margin{}(logits, at::tensor({0, 1, 2, 0}, at::kLong)), at::tensor({-1.0, 2.0, 1.0, 0.0})));
}

TEST_CASE("margin: is positive exactly where the sample is misclassified") {
  for (const std::int64_t classes : {2, 3, 10}) {
    const at::Tensor logits = normal({500, classes}, 1);
    const at::Tensor y = labels(500, classes, 2);
    CHECK(at::equal(margin{}(logits, y).gt(0), logits.argmax(1).ne(y)));
  }
}

TEST_CASE("margin: its gradient is +1 at the best other class, -1 at the label, and never vanishes") {
  const at::Tensor logits = at::tensor({300.0F, -10.0F, 2.0F}).view({1, 3}).requires_grad_();
  const at::Tensor y = at::zeros({1}, at::kLong);
  const at::Tensor gradient = torch::autograd::grad({margin{}(logits, y).sum()}, {logits})[0];
  CHECK(at::equal(gradient, at::tensor({-1.0F, 0.0F, 1.0F}).view({1, 3})));
}

TEST_CASE("margin: leaves the logits as they were, and takes float64 and half types") {
  for (const at::ScalarType type : {at::kDouble, at::kHalf, at::kBFloat16}) {
    const at::Tensor logits = at::tensor({3.0, 1.0, 2.0}).view({1, 3}).to(type);
    const at::Tensor before = logits.clone();
    const at::Tensor loss = margin{}(logits, at::ones({1}, at::kLong));
    CHECK((loss.scalar_type() == type));
    CHECK(loss.item<double>() == 2);
    CHECK(at::equal(logits, before));
  }
}

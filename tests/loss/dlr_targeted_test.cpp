#include <redoubt/loss/dlr_targeted.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <vector>

#include "../models.hpp"

using redoubt::dlr_targeted;
using redoubt::testing::labels;
using redoubt::testing::normal;

TEST_CASE(
    "dlr_targeted: is how far the target is above the label, over the gap from the first to the third and fourth") {
  const at::Tensor logits = normal({200, 6}, 1).to(at::kDouble);
  const at::Tensor y = labels(200, 6, 2);
  const at::Tensor target = labels(200, 6, 3);
  const at::Tensor loss = dlr_targeted{target}(logits, y);
  REQUIRE(loss.sizes() == at::IntArrayRef{200});
  for (std::int64_t i = 0; i < 200; ++i) {
    std::vector<double> z;
    for (std::int64_t j = 0; j < 6; ++j) {
      z.push_back(logits[i][j].item<double>());
    }
    const double towards = logits[i][target[i]].item<double>() - logits[i][y[i]].item<double>();
    std::sort(z.begin(), z.end(), std::greater<>{});
    CHECK(loss[i].item<double>() == doctest::Approx(towards / (z[0] - (z[2] + z[3]) / 2)).epsilon(1e-9));
  }
}

TEST_CASE("dlr_targeted: neither a shift nor a positive scaling of the logits changes it") {
  const at::Tensor logits = normal({50, 5}, 5).to(at::kDouble);
  const at::Tensor y = labels(50, 5, 6);
  const dlr_targeted loss{y.add(2).remainder(5)};
  for (const double scale : {0.01, 1.0, 100.0}) {
    for (const double shift : {-50.0, 0.0, 50.0}) {
      CHECK(at::allclose(loss(logits.mul(scale).add(shift), y), loss(logits, y), 1e-7, 1e-9));
    }
  }
}

TEST_CASE("dlr_targeted: follows its samples") {
  const at::Tensor logits = normal({20, 5}, 7);
  const at::Tensor y = labels(20, 5, 8);
  const dlr_targeted loss{labels(20, 5, 9)};
  const at::Tensor some = at::tensor({13, 2, 7, 7}, at::kLong);
  CHECK(at::equal(loss.at(some)(logits.index_select(0, some), y.index_select(0, some)),
                  loss(logits, y).index_select(0, some)));
}

TEST_CASE("dlr_targeted: logits that tie give a finite loss and a finite gradient") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16}) {
    CAPTURE(std::string{c10::toString(type)});
    const at::Tensor logits = at::full({2, 5}, 3.0).to(type).requires_grad_();
    const dlr_targeted towards{at::tensor({1, 2}, at::kLong)};
    const at::Tensor loss = towards(logits, at::tensor({0, 3}, at::kLong));
    CHECK(loss.isfinite().all().item<bool>());
    CHECK(torch::autograd::grad({loss.sum()}, {logits})[0].isfinite().all().item<bool>());
  }
}

TEST_CASE("dlr_targeted: three classes, and targets for other samples than these, are refused by name") {
  const at::Tensor y = at::zeros({2}, at::kLong);
  CHECK_THROWS_WITH_AS((void)dlr_targeted{y}(at::zeros({2, 3}), y),
                       doctest::Contains("dlr_targeted: needs at least 4 classes, the model has 3; use"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)dlr_targeted{y}(at::zeros({5, 4}), at::zeros({5}, at::kLong)),
                       "dlr_targeted: need one target per sample [5], got 2", std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)dlr_targeted{}(at::zeros({2, 4}), y), doctest::Contains("got 0"), std::invalid_argument);
}

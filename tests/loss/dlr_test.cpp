#include <redoubt/loss/dlr.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <vector>

#include "../models.hpp"

using redoubt::dlr;
using redoubt::testing::labels;
using redoubt::testing::normal;

TEST_CASE("dlr: is the margin over the gap between the first and the third logit") {
  const at::Tensor logits = normal({200, 6}, 1).to(at::kDouble);
  const at::Tensor y = labels(200, 6, 2);
  const at::Tensor loss = dlr{}(logits, y);
  REQUIRE(loss.sizes() == at::IntArrayRef{200});
  for (std::int64_t i = 0; i < 200; ++i) {
    std::vector<double> sorted;
    double other = -1e300;
    const auto label = y[i].item<std::int64_t>();
    for (std::int64_t j = 0; j < 6; ++j) {
      sorted.push_back(logits[i][j].item<double>());
      if (j != label) {
        other = std::max(other, sorted.back());
      }
    }
    const double at_label = sorted[static_cast<std::size_t>(label)];
    std::sort(sorted.begin(), sorted.end(), std::greater<>{});
    CHECK(loss[i].item<double>() == doctest::Approx((other - at_label) / (sorted[0] - sorted[2])).epsilon(1e-9));
  }
}

TEST_CASE("dlr: lies in [-1, 0] for a sample that is right, and is positive for one that is wrong") {
  const at::Tensor logits = normal({500, 10}, 3);
  const at::Tensor y = labels(500, 10, 4);
  const at::Tensor loss = dlr{}(logits, y);
  const at::Tensor right = logits.argmax(1).eq(y);
  CHECK(at::equal(loss.le(0), right));
  CHECK(loss.ge(-1).all().item<bool>());
}

TEST_CASE("dlr: neither a shift nor a positive scaling of the logits changes it or the direction of its gradient") {
  const at::Tensor logits = normal({50, 5}, 5).to(at::kDouble);
  const at::Tensor y = labels(50, 5, 6);
  const auto gradient = [&](double scale, double shift) {
    const at::Tensor point = logits.clone().requires_grad_();
    return torch::autograd::grad({dlr{}(point.mul(scale).add(shift), y).sum()}, {point})[0];
  };
  const at::Tensor expected = dlr{}(logits, y);
  for (const double scale : {0.01, 1.0, 100.0}) {
    for (const double shift : {-50.0, 0.0, 50.0}) {
      CHECK(at::allclose(dlr{}(logits.mul(scale).add(shift), y), expected, 1e-7, 1e-9));
      CHECK(at::allclose(gradient(scale, shift), gradient(1, 0), 1e-5, 1e-7));
    }
  }
}

TEST_CASE("dlr: logits that tie give a finite loss and a finite gradient") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16}) {
    CAPTURE(std::string{c10::toString(type)});
    const at::Tensor logits = at::full({2, 4}, 3.0).to(type).requires_grad_();
    const at::Tensor loss = dlr{}(logits, at::tensor({0, 3}, at::kLong));
    CHECK(loss.isfinite().all().item<bool>());
    CHECK(torch::autograd::grad({loss.sum()}, {logits})[0].isfinite().all().item<bool>());
  }
}

TEST_CASE("dlr: two classes are refused by name") {
  CHECK_THROWS_WITH_AS((void)dlr{}(at::zeros({1, 2}), at::zeros({1}, at::kLong)),
                       "dlr: needs at least 3 classes, the model has 2; use margin", std::invalid_argument);
}

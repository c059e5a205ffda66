#include <redoubt/train/weight_average.hpp>

#include <doctest/doctest.h>

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <redoubt/core/random.hpp>
#include <stdexcept>
#include <vector>

using redoubt::weight_average;

namespace {

at::Tensor drawn(std::int64_t size, std::uint32_t step) {
  return redoubt::normal_like(at::empty({1, size}), at::zeros({1}, at::kLong), {.seed = 3, .step = step}).squeeze(0);
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.nbytes() == b.nbytes() && std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

}  // namespace

TEST_CASE("weight_average follows its formula, recomputed in double precision") {
  for (const double decay : {0.0, 0.5, 0.9, 0.999}) {
    CAPTURE(decay);
    const at::Tensor weight = drawn(50, 0);
    weight_average average{{weight}, decay};
    at::Tensor expected = weight.to(at::kDouble);
    for (std::uint32_t t = 0; t < 200; ++t) {
      weight.copy_(drawn(50, t + 1));
      average.update();
      const double d = std::min(decay, (1.0 + t) / (10.0 + t));
      expected = d * expected + (1 - d) * weight.to(at::kDouble);
      REQUIRE(average.updates() == t + 1);
      REQUIRE((average.averages()[0].to(at::kDouble) - expected).abs().max().item<double>() < 2e-6);
    }
  }
}

TEST_CASE("the first update of weight_average leaves a tenth of the random weights") {
  const at::Tensor weight = at::full({1}, 10.);
  weight_average average{{weight}, 0.999};
  weight.fill_(0);
  average.update();
  CHECK(average.averages()[0].item<double>() == doctest::Approx(1));
  average.update();
  CHECK(average.averages()[0].item<double>() == doctest::Approx(2. / 11));
}

TEST_CASE("weights that do not move are their own average, to the bit") {
  const at::Tensor frozen = drawn(1000, 7);
  const at::Tensor before = frozen.clone();
  for (const double decay : {0.3, 0.9, 0.999}) {
    weight_average average{{frozen}, decay};
    for (int i = 0; i < 300; ++i) {
      average.update();
    }
    CHECK(same_bits(average.averages()[0], before));
  }
}

TEST_CASE("weight_average swap exchanges weights and averages, and twice puts both back to the bit") {
  const at::Tensor parameter = drawn(64, 0).requires_grad_();
  const at::Tensor buffer = drawn(8, 1);
  weight_average average{{parameter, buffer}, 0.9};
  {
    const at::NoGradGuard no_gradient;
    parameter.mul_(3);
    buffer.add_(1);
  }
  average.update();
  const std::vector<at::Tensor> weights{parameter.detach().clone(), buffer.clone()};
  const std::vector<at::Tensor> averages{average.averages()[0].clone(), average.averages()[1].clone()};

  average.swap();
  CHECK(same_bits(parameter, averages[0]));
  CHECK(same_bits(buffer, averages[1]));
  CHECK(same_bits(average.averages()[0], weights[0]));

  average.swap();
  CHECK(same_bits(parameter, weights[0]));
  CHECK(same_bits(buffer, weights[1]));
  CHECK(same_bits(average.averages()[0], averages[0]));
  CHECK(same_bits(average.averages()[1], averages[1]));
  CHECK(parameter.requires_grad());
  CHECK_FALSE(parameter.grad().defined());
  CHECK_FALSE(average.averages()[0].requires_grad());
}

TEST_CASE("weight_average leaves whole numbers, such as BatchNorm's count of batches, alone") {
  const at::Tensor weight = at::zeros({2});
  const at::Tensor count = at::full({}, 41, at::kLong);
  weight_average average{{count, weight}, 0.9};
  weight.fill_(1);
  count.fill_(42);
  average.update();
  average.swap();
  CHECK(average.averages().size() == 1);
  CHECK(count.item<std::int64_t>() == 42);
  CHECK(weight[0].item<double>() == doctest::Approx(0.9));
}

TEST_CASE("a restored weight_average goes on to the bit") {
  const at::Tensor weight = drawn(32, 0);
  weight_average one{{weight}, 0.99};
  for (std::uint32_t t = 1; t < 20; ++t) {
    weight.copy_(drawn(32, t));
    one.update();
  }
  weight_average other{{weight}, 0.99};
  other.restore({one.averages()[0].clone()}, one.updates());
  for (std::uint32_t t = 20; t < 40; ++t) {
    weight.copy_(drawn(32, t));
    one.update();
    other.update();
  }
  CHECK(same_bits(one.averages()[0], other.averages()[0]));
  CHECK_THROWS_WITH_AS(other.restore({}, 3), "weight_average: needs 1 tensors, got 0", std::invalid_argument);
  CHECK_THROWS_WITH_AS(other.restore({at::zeros({1})}, 3), "weight_average: tensor 0 must be of shape [32], got [1]",
                       std::invalid_argument);
  CHECK(same_bits(one.averages()[0], other.averages()[0]));
}

TEST_CASE("weight_average refuses a decay outside [0, 1)") {
  CHECK_THROWS_WITH_AS((weight_average{{}, 1}), "weight_average: decay must lie in [0, 1), got 1",
                       std::invalid_argument);
  CHECK_THROWS_AS((weight_average{{}, -0.1}), std::invalid_argument);
  CHECK_THROWS_AS((weight_average{{}, std::numeric_limits<double>::quiet_NaN()}), std::invalid_argument);
}

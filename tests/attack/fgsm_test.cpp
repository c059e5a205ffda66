#include <redoubt/attack/fgsm.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <redoubt/loss/margin.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <type_traits>

#include "../models.hpp"

using redoubt::fgsm;
using redoubt::l2;
using redoubt::linf;
using redoubt::testing::first_rows;
using redoubt::testing::labels;
using redoubt::testing::largest;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

static_assert(std::is_same_v<decltype(fgsm{linf{.radius = 0.1}}), fgsm<linf>>);
static_assert(std::is_same_v<decltype(fgsm{l2{.radius = 1}, {.targeted = true}}), fgsm<l2>>);

namespace {

at::Tensor input_gradient(const smooth_net& net, const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor point = x.clone().requires_grad_();
  return torch::autograd::grad({redoubt::cross_entropy{}(net(point), y).sum()}, {point})[0];
}

}  // namespace

TEST_CASE("fgsm: over linf it is clamp(x + radius * sign(gradient))") {
  const auto net = smooth_net::make(12, 3, 1);
  const at::Tensor x = uniform({20, 3, 4}, 2);
  const at::Tensor y = labels(20, 3, 3);
  const at::Tensor expected = x.add(input_gradient(net, x, y).sign(), 8. / 255).clamp(0, 1);
  CHECK(at::equal(fgsm{linf{8. / 255}}(net, x, y), expected));
}

TEST_CASE("fgsm: over l2 it is clamp(x + radius * gradient / its length)") {
  const auto net = smooth_net::make(12, 3, 1);
  const at::Tensor x = uniform({20, 3, 4}, 2);
  const at::Tensor y = labels(20, 3, 3);
  const at::Tensor g = input_gradient(net, x, y);
  const at::Tensor expected = x.add(g.div(g.flatten(1).norm(2, 1).view({20, 1, 1})), 0.5).clamp(0, 1);
  CHECK(largest(fgsm{l2{0.5}}(net, x, y).sub(expected)) < 1e-6);
}

TEST_CASE("fgsm: costs one forward and nothing else") {
  const auto net = smooth_net::make(4, 3, 1);
  int calls = 0;
  const auto counting = [&](const at::Tensor& x) {
    ++calls;
    return net(x);
  };
  (void)fgsm{linf{0.1}}(counting, uniform({5, 4}, 2), labels(5, 3, 3));
  CHECK(calls == 1);
}

TEST_CASE("fgsm: targeted, it descends to the target") {
  const auto model = two_class(at::tensor({1.0F, -2.0F}));
  const at::Tensor x = at::full({1, 2}, 0.5);
  const at::Tensor target = at::ones({1}, at::kLong);
  const at::Tensor away = fgsm{linf{0.1}}(model, x, target);
  const at::Tensor towards = fgsm{linf{0.1}, {.targeted = true}}(model, x, target);
  CHECK(at::allclose(away, at::tensor({0.4F, 0.6F}).view({1, 2})));
  CHECK(at::allclose(towards, at::tensor({0.6F, 0.4F}).view({1, 2})));
}

TEST_CASE("fgsm: with a random start it steps from a uniform draw of the ball and stays inside") {
  const auto model = two_class(at::tensor({1.0F, -2.0F, 0.5F, 1.0F}));
  const at::Tensor x = at::full({50, 4}, 0.5);
  const at::Tensor y = at::ones({50}, at::kLong);
  const linf ball{0.1};
  const at::Tensor start = ball.sample(x, first_rows(50), {.seed = 9});
  const at::Tensor direction = at::tensor({-1.0F, 1.0F, -1.0F, -1.0F});
  for (const double step : {0.5, 1.25}) {
    const at::Tensor found = fgsm{ball, {.random_start = true, .step = step, .seed = 9}}(model, x, y);
    const at::Tensor expected = start.add(direction, 0.1 * step).clamp(-0.1, 0.1).add(x);
    CHECK(largest(found.sub(expected)) < 1e-7);
    CHECK(largest(found.sub(x)) <= 0.1 + 1e-7);
  }
}

TEST_CASE("fgsm: keeps box, loss and seed, and reports gradients of zero") {
  const auto model = two_class(at::tensor({1.0F, -2.0F}), 500);
  const at::Tensor x = at::tensor({-1.0F, 1.0F}).view({1, 2});
  const at::Tensor y = at::ones({1}, at::kLong);
  const auto saturated = fgsm{linf{0.5}, {.box = {-1, 1}}}.run(model, x, y);
  CHECK(saturated.zero_gradient.all().item<bool>());
  CHECK(at::equal(saturated.adversarial, x));
  const auto alive = fgsm{linf{0.5}, {.loss = redoubt::margin{}, .box = {-1, 1}}}.run(model, x, y);
  CHECK_FALSE(alive.zero_gradient.any().item<bool>());
  CHECK(at::equal(alive.adversarial, x));  // on the corner of the box that the step leads out of
}

TEST_CASE("fgsm: a radius per sample is a step per sample") {
  const auto model = two_class(at::tensor({1.0F, -2.0F}));
  const at::Tensor radii = at::tensor({0.0F, 0.1F, 0.4F});
  const at::Tensor x = at::full({3, 2}, 0.5);
  const at::Tensor found = fgsm{linf{radii}}(model, x, at::ones({3}, at::kLong));
  CHECK(at::allclose(linf::length(found.sub(x)), radii));
}

TEST_CASE("fgsm: a radius, step or input out of range is named") {
  const auto model = two_class(at::tensor({1.0F, -2.0F}));
  const at::Tensor x = at::full({1, 2}, 0.5);
  const at::Tensor y = at::ones({1}, at::kLong);
  CHECK_THROWS_WITH_AS((void)fgsm{linf{-0.1}}(model, x, y), doctest::Contains("got -0.1"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)(fgsm{linf{0.1}, {.step = -1}}(model, x, y)), doctest::Contains("got -0.1"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)fgsm{linf{0.1}}(model, x.add(1), y), doctest::Contains("spans [1.5, 1.5]"),
                       std::invalid_argument);
}

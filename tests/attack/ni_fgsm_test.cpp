#include <redoubt/attack/ni_fgsm.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <redoubt/attack/scale_invariant.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <type_traits>

#include "../models.hpp"

using redoubt::iterate;
using redoubt::l2;
using redoubt::linf;
using redoubt::ni_fgsm;
using redoubt::pgd;
using redoubt::testing::count;
using redoubt::testing::labels;
using redoubt::testing::largest;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

static_assert(std::is_same_v<decltype(ni_fgsm{linf{.radius = 0.1}}), ni_fgsm<linf>>);
static_assert(std::is_same_v<decltype(ni_fgsm{l2{.radius = 1}, {.steps = 5}}), ni_fgsm<l2>>);

TEST_CASE("ni_fgsm: is the pgd of steps of radius / steps by the rule nesterov") {
  const auto net = smooth_net::make(8, 4, 1);
  const at::Tensor x = uniform({20, 8}, 2);
  const at::Tensor y = labels(20, 4, 3);
  const redoubt::pgd_options options{
      .step = 0.04, .steps = 5, .random_start = false, .transform = redoubt::scale_invariant{3}, .eot = 3};
  const pgd spelled{l2{0.2}, options, redoubt::nesterov{.decay = 0.9}};
  const ni_fgsm attack{l2{0.2}, {.steps = 5, .decay = 0.9, .transform = redoubt::scale_invariant{3}, .eot = 3}};
  CHECK(at::equal(attack(net, x, y), spelled(net, x, y)));
  CHECK(l2::length(attack(net, x, y).sub(x)).max().item<double>() <= 0.2 + 1e-6);
}

TEST_CASE("ni_fgsm: the look ahead makes a difference") {
  const auto net = smooth_net::make(12, 4, 2);
  const at::Tensor x = uniform({40, 12}, 3);
  const at::Tensor y = predictions(net, x);
  const redoubt::mi_fgsm_options options{.keep = iterate::last};
  CHECK(largest(ni_fgsm{linf{0.3}, options}(net, x, y).sub(redoubt::mi_fgsm{linf{0.3}, options}(net, x, y))) > 0.01);
}

TEST_CASE("ni_fgsm: targeted, it reaches its targets") {
  const auto net = smooth_net::make(12, 4, 2);
  const at::Tensor x = uniform({40, 12}, 3);
  const at::Tensor target = predictions(net, x).add(1).remainder(4);
  CHECK(count(predictions(net, ni_fgsm{linf{0.3}, {.targeted = true}}(net, x, target)).eq(target)) > 20);
}

TEST_CASE("ni_fgsm: options out of range are named by it") {
  const auto model = two_class(at::tensor({1.0F, -2.0F}));
  const at::Tensor x = at::full({1, 2}, 0.5);
  CHECK_THROWS_WITH_AS((void)(ni_fgsm{linf{0.1}, {.steps = -1}}(model, x, at::ones({1}, at::kLong))),
                       doctest::Contains("ni_fgsm: steps must be at least 1, got -1"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)(ni_fgsm{linf{0.1}}(model, x, at::full({1}, 2, at::kLong))),
                       doctest::Contains("ni_fgsm: labels must lie in [0, 2)"), std::invalid_argument);
}

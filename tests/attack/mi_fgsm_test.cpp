#include <redoubt/attack/mi_fgsm.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <redoubt/attack/scale_invariant.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <type_traits>

#include "../models.hpp"

using redoubt::iterate;
using redoubt::l2;
using redoubt::linf;
using redoubt::mi_fgsm;
using redoubt::mi_fgsm_options;
using redoubt::pgd;
using redoubt::testing::count;
using redoubt::testing::largest;
using redoubt::testing::predictions;
using redoubt::testing::smooth_net;
using redoubt::testing::two_class;
using redoubt::testing::uniform;

static_assert(std::is_same_v<decltype(mi_fgsm{linf{.radius = 0.1}}), mi_fgsm<linf>>);
static_assert(std::is_same_v<decltype(mi_fgsm{l2{.radius = 1}, {.steps = 5, .decay = 0.9}}), mi_fgsm<l2>>);

TEST_CASE("mi_fgsm: steps of radius / steps along one direction end on the sphere, for each sample's own radius") {
  const auto model = two_class(at::tensor({3.0F, -4.0F}));
  const at::Tensor x = at::full({3, 2}, 0.5);
  const at::Tensor radii = at::tensor({0.0F, 0.1F, 0.3F});
  for (const int steps : {1, 3, 10}) {
    const at::Tensor y = at::ones({3}, at::kLong);
    const at::Tensor over_linf = mi_fgsm{linf{radii}, {.steps = steps, .keep = iterate::last}}(model, x, y).sub(x);
    CHECK(at::allclose(over_linf, at::outer(radii, at::tensor({-1.0F, 1.0F})), 1e-5, 1e-7));
    const at::Tensor over_l2 = mi_fgsm{l2{radii}, {.steps = steps, .keep = iterate::last}}(model, x, y).sub(x);
    CHECK(at::allclose(over_l2, at::outer(radii, at::tensor({-0.6F, 0.8F})), 1e-5, 1e-7));
  }
}

TEST_CASE("mi_fgsm: every option reaches the pgd that it is") {
  const auto net = smooth_net::make(8, 4, 1);
  const at::Tensor x = uniform({20, 8}, 2, -0.5, 0.5);
  const at::Tensor y = predictions(net, x);
  const mi_fgsm_options options{.steps = 4,
                                .decay = 0.7,
                                .loss = redoubt::margin{},
                                .box = {-0.5, 0.5},
                                .targeted = true,
                                .seed = 3,
                                .keep = iterate::last,
                                .drop_fooled = true,
                                .transform = redoubt::scale_invariant{2},
                                .eot = 2};
  const at::Tensor target = y.add(1).remainder(4);
  const pgd spelled{linf{0.2},
                    {.step = 0.05,
                     .steps = 4,
                     .random_start = false,
                     .loss = redoubt::margin{},
                     .box = {-0.5, 0.5},
                     .targeted = true,
                     .seed = 3,
                     .keep = iterate::last,
                     .drop_fooled = true,
                     .transform = redoubt::scale_invariant{2},
                     .eot = 2},
                    redoubt::momentum{.decay = 0.7}};
  const auto found = mi_fgsm{linf{0.2}, options}.run(net, x, target);
  CHECK(at::equal(found.adversarial, spelled(net, x, target)));
  CHECK_FALSE(found.fooled.defined());
  CHECK(found.zero_gradient.defined());
}

TEST_CASE("mi_fgsm: targeted, it reaches targets that it does not reach by luck") {
  const auto net = smooth_net::make(12, 4, 2);
  const at::Tensor x = uniform({40, 12}, 3);
  const at::Tensor target = predictions(net, x).add(1).remainder(4);
  const at::Tensor towards = mi_fgsm{linf{0.3}, {.targeted = true}}(net, x, target);
  const at::Tensor away = mi_fgsm{linf{0.3}}(net, x, predictions(net, x));
  CHECK(count(predictions(net, towards).eq(target)) > 20);
  CHECK(count(predictions(net, towards).eq(target)) > count(predictions(net, away).eq(target)));
}

TEST_CASE("mi_fgsm: costs one forward a step, and one more where it looks at the last point") {
  for (const auto& [keep, expected] : {std::pair{iterate::last, 6}, std::pair{iterate::best, 7}}) {
    int calls = 0;
    const auto model = [&](const at::Tensor& x) {
      ++calls;
      return two_class(at::tensor({1.0F, -2.0F}), 100)(x);
    };
    (void)mi_fgsm{linf{0.1}, {.steps = 6, .keep = keep}}(model, at::full({2, 2}, 0.5), at::ones({2}, at::kLong));
    CHECK(calls == expected);
  }
}

TEST_CASE("mi_fgsm: options out of range are named by it") {
  const auto model = two_class(at::tensor({1.0F, -2.0F}));
  const at::Tensor x = at::full({1, 2}, 0.5);
  const auto refused = [&](const linf& ball, const mi_fgsm_options& options, const char* message) {
    CHECK_THROWS_WITH_AS((void)(mi_fgsm{ball, options}(model, x, at::ones({1}, at::kLong))), doctest::Contains(message),
                         std::invalid_argument);
  };
  refused(linf{0.1}, {.steps = 0}, "mi_fgsm: steps must be at least 1, got 0");
  refused(linf{0.1}, {.decay = -1}, "mi_fgsm: decay must be finite and not negative, got -1");
  refused(linf{-0.1}, {}, "mi_fgsm: the ball's radius must be finite and not negative, got -0.1");
  refused(linf{0.1}, {.box = {2, 3}}, "mi_fgsm: the input must lie in the box [2, 3]");
}

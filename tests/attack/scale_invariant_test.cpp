#include <redoubt/attack/scale_invariant.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <torch/csrc/autograd/autograd.h>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/l2.hpp>
#include <stdexcept>

#include "../models.hpp"

using redoubt::scale_invariant;
using redoubt::testing::first_rows;
using redoubt::testing::largest;
using redoubt::testing::uniform;

static_assert(redoubt::a_transform<scale_invariant>);

TEST_CASE("scale_invariant: draws take the scales 1, 1/2, ... in turn") {
  const at::Tensor x = uniform({2, 3}, 1);
  const scale_invariant with{.copies = 3};
  for (const auto& [step, scale] : {std::pair{0U, 1.0}, {1U, 0.5}, {2U, 0.25}, {3U, 1.0}, {4294967295U, 1.0}}) {
    CHECK(at::equal(with(x, first_rows(2), {.step = step}), x.mul(scale)));
  }
}

TEST_CASE("scale_invariant: with as many averaged gradients as copies each step is that of the mean over all scales") {
  const auto net = redoubt::testing::smooth_net::make(6, 3, 1);
  const at::Tensor x = uniform({4, 6}, 2, 0.3, 0.7).to(at::kDouble);
  const at::Tensor y = redoubt::testing::labels(4, 3, 3);
  constexpr int copies = 4;
  const redoubt::pgd attack{redoubt::l2{1},
                            {.step = 0.05,
                             .steps = 3,
                             .random_start = false,
                             .keep = redoubt::iterate::last,
                             .transform = scale_invariant{.copies = copies},
                             .eot = copies}};
  at::Tensor point = x;
  for (int step = 0; step < 3; ++step) {
    const at::Tensor leaf = point.detach().requires_grad_();
    at::Tensor sum = at::zeros({}, at::kDouble);
    for (int i = 0; i < copies; ++i) {
      sum = sum.add(redoubt::cross_entropy{}(net(leaf.div(1 << i)), y).sum());
    }
    const at::Tensor g = torch::autograd::grad({sum}, {leaf})[0];
    point = point.add(g.div(g.norm(2, 1, true)), 0.05);
  }
  CHECK(largest(attack(net, x, y).sub(point)) < 1e-9);
}

TEST_CASE("scale_invariant: copies out of range are named") {
  for (const int copies : {0, 65}) {
    CHECK_THROWS_WITH_AS((void)scale_invariant{copies}(at::ones({1, 2}), first_rows(1), {}),
                         doctest::Contains("scale_invariant: copies must lie in [1, 64], got "), std::invalid_argument);
  }
}

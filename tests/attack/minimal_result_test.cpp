#include <redoubt/attack/minimal_result.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <limits>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>

using redoubt::l2;
using redoubt::detail::nearest_points;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

/// Four samples of three elements: fooled as it is, at distance 0.3, at 2, and not at all.
nearest_points four_met() {
  nearest_points met = nearest_points::none(at::zeros({4, 3}), at::zeros({4}));
  met.points = at::tensor({0.0F, 0.3F, 2.0F, 0.0F}).unsqueeze(1).mul(at::tensor({1.0F, 0.0F, 0.0F}));
  met.distance = at::tensor({0.0, 0.3, 2.0, inf}, at::kFloat);
  return met;
}

}  // namespace

TEST_CASE("minimal_result: what was met is found, at any distance, in the caller's dtype") {
  const auto result = redoubt::detail::as_minimal(four_met(), at::zeros({4, 3}, at::kHalf));
  CHECK(at::equal(result.found, at::tensor({1, 1, 1, 0}).to(at::kBool)));
  CHECK((result.points.scalar_type() == at::kHalf));
  CHECK(at::equal(result.distance, four_met().distance));
}

TEST_CASE("minimal_result: within a ball the points inside stand, its rim included, and x elsewhere") {
  const at::Tensor x = at::full({4, 3}, -1.0);
  const auto check = [&](const l2& ball, const at::Tensor& inside) {
    const auto result = redoubt::detail::within(ball, four_met(), x);
    CHECK(at::equal(result.fooled, inside.to(at::kBool)));
    CHECK(at::equal(result.adversarial, four_met().points.where(inside.to(at::kBool).unsqueeze(1), x)));
  };
  check(l2{0}, at::tensor({1, 0, 0, 0}));
  check(l2{0.29}, at::tensor({1, 0, 0, 0}));
  check(l2{2}, at::tensor({1, 1, 1, 0}));
  check(l2{at::tensor({1.0F, 0.1F, 3.0F, 9.0F})}, at::tensor({1, 0, 1, 0}));
}

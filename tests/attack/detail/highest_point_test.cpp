#include <redoubt/attack/detail/highest_point.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <limits>

#include "../../models.hpp"

using redoubt::step_view;
using redoubt::detail::highest_point;
using redoubt::testing::uniform;

namespace {

step_view seen(const at::Tensor& loss, std::uint64_t seed) {
  return {.x = uniform({3, 2, 2}, 0),
          .point = uniform({3, 2, 2}, seed),
          .gradient = uniform({3, 2, 2}, seed + 1),
          .loss = loss,
          .fooled = loss.gt(0),
          .length = 1,
          .box = {}};
}

}  // namespace

TEST_CASE("highest_point: keeps for each sample the point of the highest loss, its gradient, and the first of equals") {
  const auto nan = std::numeric_limits<float>::quiet_NaN();
  const step_view first = seen(at::tensor({1.0F, 2.0F, nan}), 10);
  const step_view second = seen(at::tensor({3.0F, 2.0F, -5.0F}), 20);
  const step_view third = seen(at::tensor({nan, 1.0F, -6.0F}), 30);
  highest_point best = highest_point::first(first);
  CHECK(best.loss[2].item<float>() == -std::numeric_limits<float>::infinity());
  best.offer(second);
  best.offer(third);
  CHECK(at::equal(best.loss, at::tensor({3.0F, 2.0F, -5.0F})));
  CHECK(at::equal(best.point, at::stack({second.point[0], first.point[1], second.point[2]})));
  CHECK(at::equal(best.gradient, at::stack({second.gradient[0], first.gradient[1], second.gradient[2]})));
  const highest_point part = best.at(at::tensor({2, 0}, at::kLong));
  CHECK(at::equal(part.loss, at::tensor({-5.0F, 3.0F})));
  CHECK(at::equal(part.point[0], second.point[2]));
  CHECK(at::equal(part.gradient[1], second.gradient[0]));
}

#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <limits>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/box.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/norm/linf.hpp>
#include <vector>

#include "../models.hpp"

namespace redoubt::testing {

/// A step with all that it may meet: points at both ends of ball and box, zeros and a NaN in the gradient.
struct step_problem {
  at::Tensor x, point, gradient;

  step_problem(at::IntArrayRef shape, std::uint64_t seed, at::ScalarType type = at::kFloat) {
    const at::Tensor rows = first_rows(shape[0]);
    const at::Tensor like = at::empty(shape);
    x = uniform_like(like, rows, {.seed = seed}).mul_(1.2).sub_(0.1).clamp_(0, 1).to(type);
    point = linf{0.1}.sample(like, rows, {.seed = seed + 1}).mul_(1.2).clamp_(-0.1, 0.1).to(type).add_(x).clamp_(0, 1);
    gradient = normal_like(like, rows, {.seed = seed + 2}).to(type);
    gradient.masked_fill_(uniform_like(like, rows, {.seed = seed + 3}).lt(0.1), 0);
    if (gradient.numel() > 1) {
      gradient.view({-1})[1] = std::numeric_limits<double>::quiet_NaN();
    }
  }
};

/// The same step by operations on whole tensors.
template <class Ball>
at::Tensor by_operations(const Ball& ball, const step_problem& p, const extent& length, const box& bounds, int step) {
  const step_view now{
      .x = p.x, .point = p.point, .gradient = p.gradient, .length = length, .box = bounds, .step = step, .steps = 3};
  return constrained_point(ball, constant_step{}.next(ball, now), p.x, bounds);
}

/// Checks that steps of `ball_of(radius)` at once are what the operations give, to a rounding.
template <class BallOf>
void check_steps_at_once(const BallOf& ball_of, double most, double longest) {
  const std::uint64_t seed = random_seed();
  CAPTURE(seed);
  philox_sequence random{seed};
  for (int trial = 0; trial < 60; ++trial) {
    CAPTURE(trial);
    const std::int64_t samples = 1 + random.below(5);
    const std::int64_t channels = 1 + random.below(4);
    const std::vector<std::int64_t> shape{samples, channels, 1 + random.below(12), 1 + random.below(12)};
    const at::ScalarType type = trial % 4 == 0 ? at::kDouble : at::kFloat;
    step_problem p{shape, random(), type};
    const auto numbers = [&](double scale) {
      return uniform_like(at::empty({samples}), first_rows(samples), {.seed = random()}).mul_(scale);
    };
    const extent radius = trial % 3 == 1 ? extent{numbers(most)} : extent{most * random.uniform()};
    const extent length = trial % 5 == 1 ? extent{numbers(longest)} : extent{longest * random.uniform()};
    const box bounds = trial % 2 == 1 ? box{at::linspace(-0.2, 0, channels), 1.0} : box{};
    const auto ball = ball_of(radius);
    const int step = trial % 3;
    const at::Tensor expected = by_operations(ball, p, length, bounds, step);
    at::Tensor point = p.point.clone();
    const void* const memory = point.const_data_ptr();
    REQUIRE(ball.step_(point, p.gradient, p.x, length, bounds, step / 2.0));
    CHECK(at::allclose(point, expected, 0, 2e-6));
    CHECK(point.const_data_ptr() == memory);
  }
  // A gradient of zero, an infinite one, one whose squares vanish, and nothing to do.
  step_problem p{{4, 1, 5, 5}, 7};
  p.gradient[0].zero_();
  p.gradient[1][0][0][0] = -std::numeric_limits<float>::infinity();
  p.gradient[2].mul_(1e-30);
  at::Tensor point = p.point.clone();
  REQUIRE(ball_of(most).step_(point, p.gradient, p.x, longest, {}, 0.5));
  CHECK(at::allclose(point, by_operations(ball_of(most), p, longest, {}, 1), 0, 2e-6));
  at::Tensor none = at::empty({0, 4});
  CHECK_FALSE(ball_of(most).step_(none, none, none, longest, {}, 0));
}

}  // namespace redoubt::testing

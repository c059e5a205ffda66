#pragma once

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>
#include <redoubt/core/box.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/philox.hpp>
#include <redoubt/core/rows.hpp>

#include "../models.hpp"

/// What the tests of the balls' projections share: problems at random, and what holds for every nearest point.
namespace redoubt::testing {

/// A batch of perturbations d of x, with a box around x and a radius for each sample.
struct projection_problem {
  at::Tensor d;
  at::Tensor x;
  redoubt::box box;
  at::Tensor radii;  ///< double [N]

  /// double [N, D]: how far each element may go in d's direction, as d's own type subtracts.
  [[nodiscard]] at::Tensor rooms() const {
    const at::Tensor down = x.sub(box.lower.broadcast_over(x));
    const at::Tensor up = box.upper.broadcast_over(x).sub(x);
    return at::where(d.lt(0), down, up).to(at::kDouble).flatten(1);
  }

  [[nodiscard]] at::Tensor sizes() const { return d.to(at::kDouble).abs().flatten(1); }
  [[nodiscard]] bool is_double() const { return d.scalar_type() == at::kDouble; }

  /// double, like d: `magnitudes` [N, D] under d's signs.
  [[nodiscard]] at::Tensor signed_like_d(const at::Tensor& magnitudes) const {
    return at::copysign(magnitudes.view(d.sizes()), d.to(at::kDouble));
  }
};

/// What a length may exceed its radius by, relative to it.
inline double length_slack(const projection_problem& problem) {
  return problem.is_double() ? 1e-12 : 1e-6;
}

/// Images with many elements at their box's edges, in boxes that differ by channel in every other problem;
/// perturbations from well inside their ball to far outside, some elements zero; radii that differ by sample.
inline projection_problem random_projection(philox_sequence& random, at::ScalarType type) {
  const std::int64_t samples = 1 + random.below(5);
  const std::int64_t channels = 1 + random.below(3);
  const std::int64_t side = 1 + random.below(random.below(8) == 0 ? 40 : 6);
  const std::vector<std::int64_t> shape{samples, channels, side, side};
  projection_problem problem;
  if (random.below(2) == 0) {
    const at::Tensor lower = uniform({channels, 1}, random(), -2, 0).flatten();
    problem.box = {lower, lower.add(uniform({channels, 1}, random(), 0.5, 3).flatten())};
  }
  const at::Tensor like = at::empty(shape, type);
  const at::Tensor low = problem.box.lower.broadcast_over(like);
  const at::Tensor high = problem.box.upper.broadcast_over(like);
  problem.x = low.add(uniform(shape, random(), -0.5, 1.5).clamp(0, 1).to(type).mul(high.sub(low)));
  problem.x = problem.box.clamp(problem.x);
  const double spread = std::exp2(random.uniform() * 16 - 10);
  problem.d = normal(shape, random()).mul_(spread).to(type);
  problem.d.mul_(uniform(shape, random()).gt(0.2));
  const double reach = spread * std::sqrt(static_cast<double>(channels * side * side));
  problem.radii = uniform({samples, 1}, random(), -12, 3).exp2().mul(reach).flatten().to(at::kDouble);
  return problem;
}

/// Calls `check(problem)` for random problems in both precisions, and says which one it was where a check fails.
template <class Check>
void with_random_projections(int count, const Check& check) {
  const std::uint64_t seed = random_seed();
  CAPTURE(seed);
  philox_sequence random{seed};
  for (int trial = 0; trial < count; ++trial) {
    CAPTURE(trial);
    check(random_projection(random, trial % 2 == 0 ? at::kFloat : at::kDouble));
  }
}

/// The largest difference of a sample from the reference, in units of its radius.
inline double largest_error(const projection_problem& problem, const at::Tensor& found, const at::Tensor& reference) {
  const at::Tensor difference = found.to(at::kDouble).sub(reference).abs().flatten(1).amax(1);
  return difference.div(problem.radii).max().item<double>();
}

/// The least y in [low, high] (double [N, 1]) at which `falling(y)` (double [N, 1]) is no longer positive.
template <class Falling>
at::Tensor bisected(at::Tensor low, at::Tensor high, const Falling& falling) {
  for (int halving = 0; halving < 1100; ++halving) {
    const at::Tensor middle = low.add(high).div(2);
    if (middle.eq(low).logical_or(middle.eq(high)).all().item<bool>()) {
      break;
    }
    const at::Tensor positive = falling(middle).gt(0);
    low = at::where(positive, middle, low);
    high = at::where(positive, high, middle);
  }
  return high;
}

/// Checks what every ball's projection onto ball AND box promises about layouts, batches and what is not finite.
template <class Ball>
void check_projection_of_layouts(const Ball& ball, const projection_problem& problem) {
  at::Tensor expected = problem.d.clone();
  ball.project_into_(expected, problem.x, problem.box);
  at::Tensor alone = problem.d.clone();
  ball.project_(alone);

  SUBCASE("channels last") {
    at::Tensor d = problem.d.clone().contiguous(at::MemoryFormat::ChannelsLast);
    ball.project_into_(d, problem.x, problem.box);
    CHECK(d.is_contiguous(at::MemoryFormat::ChannelsLast));
    CHECK(at::equal(d, expected));
    d = problem.d.clone();
    ball.project_into_(d, problem.x.contiguous(at::MemoryFormat::ChannelsLast), problem.box);
    CHECK(at::equal(d, expected));
    d = problem.d.clone().contiguous(at::MemoryFormat::ChannelsLast);
    CHECK(at::equal(ball.project_(d), alone));
  }
  SUBCASE("strided views, whose gaps stay as they were") {
    at::Tensor wide = at::full({problem.d.size(0), problem.d.size(1), problem.d.size(2), 2 * problem.d.size(3)}, 7.0,
                               problem.d.options());
    at::Tensor d = wide.slice(3, 0, wide.size(3), 2);
    d.copy_(problem.d);
    ball.project_into_(d, problem.x.transpose(2, 3).contiguous().transpose(2, 3), problem.box);
    CHECK(at::equal(d, expected));
    CHECK(wide.slice(3, 1, wide.size(3), 2).eq(7).all().item<bool>());
  }
  SUBCASE("a sample alone, and in another order") {
    const at::Tensor order = at::arange(problem.d.size(0) - 1, -1, -1, at::kLong);
    at::Tensor d = problem.d.index_select(0, order);
    ball.at(order).project_into_(d, problem.x.index_select(0, order), problem.box);
    CHECK(at::equal(d, expected.index_select(0, order)));
    const at::Tensor one = at::tensor({1}, at::kLong);
    d = problem.d.index_select(0, one);
    ball.at(one).project_into_(d, problem.x.index_select(0, one), problem.box);
    CHECK(at::equal(d, expected.index_select(0, one)));
  }
  SUBCASE("a NaN or an infinity becomes a sample of NaN, and its neighbours do not notice") {
    for (const double odd : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
      at::Tensor d = problem.d.clone();
      d.view({d.size(0), -1})[1][3] = odd;
      ball.project_into_(d, problem.x, problem.box);
      CHECK(d[1].isnan().all().item<bool>());
      CHECK(at::equal(d[0], expected[0]));
      CHECK(at::equal(d[2], expected[2]));
    }
  }
  SUBCASE("no samples at all") {
    at::Tensor none = problem.d.slice(0, 0, 0);
    CHECK(ball.at(at::empty({0}, at::kLong)).project_into_(none, none, problem.box).numel() == 0);
  }
  SUBCASE("a sample of another shape is refused") {
    at::Tensor d = problem.d.clone();
    CHECK_THROWS_AS(ball.project_into_(d, problem.x.flatten(1), problem.box), std::invalid_argument);
  }
}

/// A problem of three samples, each outside ball and box.
inline projection_problem fixed_projection() {
  projection_problem problem;
  problem.box = {at::tensor({0.0F, -1.0F}), at::tensor({1.0F, 1.0F})};
  problem.x = problem.box.clamp(uniform({3, 2, 5, 7}, 1, -1.2, 1.2));
  problem.d = normal({3, 2, 5, 7}, 2);
  problem.radii = at::tensor({1.0, 2.0, 4.0}, at::kDouble);
  return problem;
}

}  // namespace redoubt::testing

#include <redoubt/norm/l2.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <redoubt/core/concepts.hpp>

#include "../models.hpp"
#include "projections.hpp"
#include "steps.hpp"

using redoubt::l2;
using redoubt::testing::bisected;
using redoubt::testing::first_rows;
using redoubt::testing::largest_error;
using redoubt::testing::length_slack;
using redoubt::testing::normal;
using redoubt::testing::projection_problem;
using redoubt::testing::with_random_projections;

static_assert(redoubt::a_ball<l2> && redoubt::projects_into_box<l2>);

namespace {

// A projected sample may be longer than the radius by the rounding of D squares and a division.
constexpr double tolerance = 4e-7;

at::Tensor length_in_double(const at::Tensor& d) {
  return d.to(at::kDouble).flatten(1).pow(2).sum(1).sqrt();
}

/// The nearest points of ball and box in double precision: magnitudes shrunk to what bisection finds, at most `rooms`.
at::Tensor nearest_by_bisection(const projection_problem& problem) {
  const at::Tensor sizes = problem.sizes();
  const at::Tensor rooms = problem.rooms();
  const at::Tensor target = problem.radii.pow(2).unsqueeze(1);
  // Over -t, where t is what is left of a magnitude: small numbers keep their precision near 0.
  const auto left = [&](const at::Tensor& minus_t) { return at::minimum(sizes.mul(minus_t.neg()), rooms); };
  const auto excess = [&](const at::Tensor& minus_t) { return left(minus_t).pow(2).sum(1, true).sub(target); };
  const at::Tensor whole = at::full({sizes.size(0), 1}, -1.0, at::kDouble);
  const at::Tensor shrunk = bisected(whole, at::zeros_like(whole), excess);
  return problem.signed_like_d(left(at::where(excess(whole).gt(0), shrunk, whole)));
}

}  // namespace

TEST_CASE("l2: the length of a sample is its Euclidean length") {
  CHECK(at::equal(l2::length(at::tensor({3.0, -4.0, 0.0, 0.0, 5.0, -12.0}).view({3, 1, 2})),
                  at::tensor({5.0, 0.0, 13.0})));
}

TEST_CASE("l2: projects onto the nearest point, as double precision finds it, and again changes next to nothing") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed};
  for (int trial = 0; trial < 60; ++trial) {
    const std::int64_t dimensions = 1 + random.below(trial % 10 == 0 ? 3000 : 12);
    const double radius = std::exp2(random.uniform() * 20 - 12);
    const double spread = 2 * radius / std::sqrt(static_cast<double>(dimensions));
    const at::Tensor given = normal({1 + random.below(6), dimensions}, random()).mul_(spread);
    CAPTURE(radius);
    CAPTURE(dimensions);
    at::Tensor d = given.clone();
    l2{radius}.project_(d);
    const at::Tensor exact = given.to(at::kDouble);
    const at::Tensor scale = length_in_double(given).reciprocal().mul(radius).clamp_max(1).unsqueeze(1);
    CHECK(d.to(at::kDouble).sub(exact.mul(scale)).abs().max().item<double>() <= tolerance * radius);
    CHECK(length_in_double(d).max().item<double>() <= radius * (1 + tolerance));
    const at::Tensor once = d.clone();
    l2{radius}.project_(d);
    CHECK(d.sub(once).abs().max().item<double>() <= tolerance * radius);
  }
}

TEST_CASE("l2: no point of the ball is nearer than the projection") {
  const at::Tensor given = normal({8, 5}, 2).mul_(3);
  at::Tensor d = given.clone();
  l2{1}.project_(d);
  const at::Tensor nearest = l2::length(given.sub(d));
  for (std::uint64_t other = 0; other < 200; ++other) {
    const at::Tensor inside = l2{1}.sample(given, first_rows(8), {.seed = other});
    CHECK(l2::length(given.sub(inside)).ge(nearest.sub(1e-6)).all().item<bool>());
  }
}

TEST_CASE("l2: onto ball and box as bisection in double precision finds it, inside both, and again changes no bit") {
  with_random_projections(300, [](const projection_problem& problem) {
    const at::Tensor reference = nearest_by_bisection(problem);
    const l2 ball{problem.radii};
    at::Tensor d = problem.d.clone();
    ball.project_into_(d, problem.x, problem.box);
    CHECK(largest_error(problem, d, reference) < length_slack(problem));
    CHECK(length_in_double(d).le(problem.radii * (1 + length_slack(problem))).all().item<bool>());
    CHECK(d.to(at::kDouble).abs().flatten(1).le(problem.rooms()).all().item<bool>());
    const at::Tensor once = d.clone();
    CHECK(at::equal(ball.project_into_(d, problem.x, problem.box), once));

    at::Tensor batch = problem.d.clone();
    redoubt::detail::project_l2_on_tensors(batch, problem.x, problem.box, ball.radius);
    CHECK(largest_error(problem, batch, reference) < length_slack(problem));
  });
}

TEST_CASE("l2: no other point of ball and box is nearer, as the variational inequality says") {
  with_random_projections(60, [](const projection_problem& problem) {
    const l2 ball{problem.radii};
    at::Tensor d = problem.d.clone();
    ball.project_into_(d, problem.x, problem.box);
    const at::Tensor pull = problem.d.sub(d).to(at::kDouble).flatten(1);
    for (std::uint64_t other = 0; other < 20; ++other) {
      at::Tensor q = ball.sample(d, first_rows(d.size(0)), {.seed = other}).to(problem.x.scalar_type());
      q = problem.box.clamp(problem.x.add(q)).sub(problem.x);
      const at::Tensor gain = pull.mul(q.sub(d).to(at::kDouble).flatten(1)).sum(1);
      CHECK(gain.le(pull.norm(2, 1).mul(problem.radii).mul(2 * length_slack(problem))).all().item<bool>());
    }
  });
}

TEST_CASE("l2: ball and box: nothing to do, all of it, one element, elements with nowhere to go, huge and tiny ones") {
  const at::Tensor x = at::full({4, 1, 5, 5}, 0.25F);
  const at::Tensor inside = l2{0.9}.sample(x, first_rows(4), {.seed = 3}).clamp_(-0.25, 0.75);
  at::Tensor d = inside.clone();
  CHECK(at::equal(l2{0.9}.project_into_(d, x, {}), inside));
  const at::Tensor far = normal({4, 1, 5, 5}, 4).mul_(3);
  d = far.clone();
  CHECK(at::equal(l2{1e4}.project_into_(d, x, {}), far.clamp(-0.25, 0.75)));
  d = far.clone();
  CHECK(at::equal(l2{0}.project_into_(d, x, {}), at::zeros_like(far)));
  at::Tensor one = at::full({1, 1, 1, 1}, -3.0F);
  CHECK(at::equal(l2{0.5}.project_into_(one, at::ones({1, 1, 1, 1}), {}), at::full({1, 1, 1, 1}, -0.5F)));
  // The first has nowhere to go, the second stops at 0.3; the third gets what is left of 0.5.
  const at::Tensor y = at::tensor({1.0F, 0.7F, 0.0F}).view({1, 1, 1, 3});
  d = at::tensor({9.0F, 8.0F, 4.0F}).view({1, 1, 1, 3});
  CHECK(at::allclose(l2{0.5}.project_into_(d, y, {}), at::tensor({0.0F, 0.3F, 0.4F}).view({1, 1, 1, 3})));
  for (const double scale : {1e-42, 1e-30, 1e-20, 1e18, 1e30}) {
    CAPTURE(scale);
    const redoubt::box wide{-1e38, 1e38};
    d = at::tensor({3.0F, -4.0F}).view({1, 2}).mul(scale);
    l2{scale}.project_into_(d, at::zeros({1, 2}), wide);
    CHECK(at::allclose(d.div(scale), at::tensor({0.6F, -0.8F}).view({1, 2}), 2e-3));
    d = at::tensor({3.0F, -4.0F}).view({1, 2}).mul(scale);
    l2{0.001}.project_into_(d, at::zeros({1, 2}), wide);
    CHECK(at::allclose(d, at::tensor({0.6F, -0.8F}).view({1, 2}).mul(std::min(5 * scale, 0.001)), 1e-5, 3e-45));
  }
}

TEST_CASE("l2: ball and box: layouts, order and odd values") {
  const projection_problem problem = redoubt::testing::fixed_projection();
  redoubt::testing::check_projection_of_layouts(l2{problem.radii}, problem);
}

TEST_CASE("l2: a point inside is bitwise unchanged, the zero point and a radius of zero included") {
  const at::Tensor given = l2{0.999}.sample(at::empty({5, 50}), first_rows(5), {.seed = 3});
  at::Tensor d = given.clone();
  l2{1}.project_(d);
  CHECK(at::equal(d, given));
  at::Tensor zero = at::zeros({2, 3});
  CHECK(at::equal(l2{1}.project_(zero), at::zeros({2, 3})));
  CHECK(at::equal(l2{0}.project_(zero), at::zeros({2, 3})));
  at::Tensor outside = at::ones({2, 3});
  CHECK(at::equal(l2{0}.project_(outside), at::zeros({2, 3})));
}

TEST_CASE("l2: the steepest step has length 1 and gains the length of the gradient, as no other step does") {
  const at::Tensor g = normal({6, 40}, 5);
  const at::Tensor step = l2::steepest(g);
  CHECK(at::allclose(l2::length(step), at::ones({6})));
  const at::Tensor gain = g.mul(step).sum(1);
  CHECK(at::allclose(gain, l2::length(g)));
  for (std::uint64_t other = 0; other < 20; ++other) {
    CHECK(g.mul(l2{1}.sample(g, first_rows(6), {.seed = other})).sum(1).le(gain).all().item<bool>());
  }
}

TEST_CASE("l2: the steepest step keeps its length and direction from the smallest gradient to the largest") {
  // No guard is added to the divisor: 1e-10 would already change a gradient of this size by a tenth.
  const at::Tensor direction = at::tensor({0.6F, -0.8F, 0.0F}).view({1, 3});
  for (const double scale : {1e-40, 1e-30, 1e-20, 1e-9, 1e-4, 1.0, 1e10, 1e30, 3e38}) {
    CAPTURE(scale);
    const at::Tensor step = l2::steepest(direction.mul(scale));
    CHECK(at::allclose(step, direction, 1e-4, 1e-5));
  }
}

TEST_CASE("l2: the steepest step is zero for a gradient of zero, and ignores its NaN elements") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor step = l2::steepest(at::tensor({0.0F, 0.0F, nan, nan, nan, 2.0F, 3.0F, 4.0F}).view({4, 2}));
  CHECK(at::allclose(step, at::tensor({0.0F, 0.0F, 0.0F, 0.0F, 0.0F, 1.0F, 0.6F, 0.8F}).view({4, 2})));
}

TEST_CASE("l2: steepest leaves the gradient it was given as it was") {
  const at::Tensor g = normal({3, 4}, 9);
  const at::Tensor before = g.clone();
  (void)l2::steepest(g);
  CHECK(at::equal(g, before));
}

TEST_CASE("l2: draws are uniform in the ball: (length / radius)^D is uniform, and no direction is favoured") {
  constexpr std::int64_t samples = 4000;
  for (const std::int64_t dimensions : {1, 2, 3, 10, 60}) {
    CAPTURE(dimensions);
    const at::Tensor d =
        l2{3}.sample(at::empty({samples, dimensions}), first_rows(samples), {.seed = 7}).to(at::kDouble).div(3);
    CHECK(d.norm(2, 1).max().item<double>() <= 1 + tolerance);
    const at::Tensor share = d.norm(2, 1).pow(static_cast<double>(dimensions));
    // Moments of a uniform on [0, 1], within 4.5 standard errors.
    const double unit = 4.5 / std::sqrt(static_cast<double>(samples));
    CHECK(std::abs(share.mean().item<double>() - 0.5) < unit * std::sqrt(1.0 / 12));
    CHECK(std::abs(share.pow(2).mean().item<double>() - 1.0 / 3) < unit * std::sqrt(4.0 / 45));
    CHECK(d.mean(0).abs().max().item<double>() < 1.3 * unit / std::sqrt(static_cast<double>(dimensions)));
    // A coordinate's second moment in the unit ball is 1 / (D + 2).
    const double second = d.pow(2).mean().item<double>();
    CHECK(second == doctest::Approx(1.0 / (static_cast<double>(dimensions) + 2)).epsilon(0.06));
    // How far a draw goes says nothing of where it goes.
    if (dimensions > 1) {
      const at::Tensor lean = d.select(1, 0).abs().div(d.norm(2, 1));
      const at::Tensor together = lean.sub(lean.mean()).mul(share.sub(share.mean())).mean();
      CHECK(std::abs(together.item<double>()) < unit * lean.std().item<double>() * std::sqrt(1.0 / 12));
    }
  }
}

TEST_CASE("l2: in 784 dimensions draws lie near the sphere, as volume does") {
  const at::Tensor d = l2{1}.sample(at::empty({500, 784}), first_rows(500), {.seed = 1});
  CHECK(l2::length(d).mean().item<double>() == doctest::Approx(784.0 / 785).epsilon(0.0005));
}

TEST_CASE("l2: radii per sample bound each sample by its own, and follow it through at(rows)") {
  const at::Tensor radii = at::tensor({0.0, 0.5, 2.0});
  const l2 ball{radii};
  at::Tensor d = at::tensor({3.0, 4.0, 3.0, 4.0, 0.3, 0.4}).view({3, 2});
  ball.project_(d);
  CHECK(at::allclose(d, at::tensor({0.0, 0.0, 0.3, 0.4, 0.3, 0.4}).view({3, 2})));

  const at::Tensor all = ball.sample(at::empty({3, 8}), first_rows(3), {.seed = 1});
  CHECK(l2::length(all).le(radii.add(tolerance)).all().item<bool>());
  const at::Tensor order = at::tensor({2, 1}, at::kLong);
  CHECK(at::equal(ball.at(order).sample(at::empty({2, 8}), order, {.seed = 1}), all.index_select(0, order)));
}

TEST_CASE("l2: takes float64, channels last, and no samples at all") {
  const at::Tensor given = normal({2, 3, 4, 5}, 1).to(at::kDouble);
  at::Tensor d = given.clone();
  l2{0.1}.project_(d);
  const at::Tensor expected = given.mul(length_in_double(given).reciprocal().mul(0.1).view({2, 1, 1, 1}));
  CHECK(at::allclose(d, expected, 1e-14, 0));
  at::Tensor last = given.to(at::kFloat).contiguous(at::MemoryFormat::ChannelsLast);
  l2{at::tensor({0.1, 0.1})}.project_(last);
  CHECK(last.is_contiguous(at::MemoryFormat::ChannelsLast));
  CHECK(at::allclose(last, expected.to(at::kFloat)));
  at::Tensor none = at::empty({0, 3});
  CHECK(l2{0.1}.project_(none).numel() == 0);
  CHECK(l2::length(none).numel() == 0);
  CHECK(l2{0.1}.sample(none, first_rows(0), {}).numel() == 0);
}

TEST_CASE("l2: a step at once is what the operations give") {
  redoubt::testing::check_steps_at_once([](const redoubt::extent& radius) { return l2{radius}; }, 1.5, 1.0);
}

#include <redoubt/norm/l1.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <redoubt/core/concepts.hpp>
#include <stdexcept>

#include "../models.hpp"
#include "projections.hpp"
#include "steps.hpp"

using redoubt::l1;
using redoubt::testing::bisected;
using redoubt::testing::first_rows;
using redoubt::testing::largest_error;
using redoubt::testing::length_slack;
using redoubt::testing::normal;
using redoubt::testing::projection_problem;
using redoubt::testing::with_random_projections;

static_assert(redoubt::a_ball<l1> && redoubt::projects_into_box<l1>);

namespace {

at::Tensor length_in_double(const at::Tensor& d) {
  return d.to(at::kDouble).flatten(1).abs().sum(1);
}

/// The nearest points in double precision: magnitudes shortened by what bisection finds, at most `rooms`.
at::Tensor nearest_by_bisection(const projection_problem& problem, const at::Tensor& rooms) {
  const at::Tensor sizes = problem.sizes();
  const auto left = [&](const at::Tensor& shift) { return at::minimum(sizes.sub(shift).clamp_min(0), rooms); };
  const at::Tensor none = at::zeros({sizes.size(0), 1}, at::kDouble);
  const at::Tensor excess = left(none).sum(1, true).sub(problem.radii.unsqueeze(1));
  const at::Tensor shift = bisected(none, sizes.amax(1, true), [&](const at::Tensor& at_shift) {
    return left(at_shift).sum(1, true).sub(problem.radii.unsqueeze(1));
  });
  return problem.signed_like_d(left(at::where(excess.gt(0), shift, none)));
}

}  // namespace

TEST_CASE("l1: the length of a sample is the sum of its sizes") {
  CHECK(at::equal(l1::length(at::tensor({3.0, -4.0, 0.0, 0.5, -0.25, 0.0}).view({2, 1, 3})), at::tensor({7.0, 0.75})));
}

TEST_CASE("l1: the ball's projection is what bisection in double precision finds, and again changes no bit") {
  with_random_projections(200, [](const projection_problem& problem) {
    const at::Tensor endless = at::full_like(problem.sizes(), HUGE_VAL);
    const at::Tensor reference = nearest_by_bisection(problem, endless);
    const l1 ball{problem.radii};
    at::Tensor d = problem.d.clone();
    ball.project_(d);
    CHECK(largest_error(problem, d, reference) < length_slack(problem));
    CHECK(length_in_double(d).le(problem.radii * (1 + length_slack(problem))).all().item<bool>());
    const at::Tensor once = d.clone();
    CHECK(at::equal(ball.project_(d), once));

    at::Tensor batch = problem.d.clone();
    redoubt::detail::project_l1_on_tensors(batch, {}, {}, ball.radius);
    CHECK(largest_error(problem, batch, reference) < length_slack(problem));
  });
}

TEST_CASE("l1: so is the projection onto ball and box, which leaves neither") {
  with_random_projections(300, [](const projection_problem& problem) {
    const at::Tensor reference = nearest_by_bisection(problem, problem.rooms());
    const l1 ball{problem.radii};
    at::Tensor d = problem.d.clone();
    ball.project_into_(d, problem.x, problem.box);
    CHECK(largest_error(problem, d, reference) < length_slack(problem));
    CHECK(length_in_double(d).le(problem.radii * (1 + length_slack(problem))).all().item<bool>());
    CHECK(d.to(at::kDouble).abs().flatten(1).le(problem.rooms()).all().item<bool>());
    const at::Tensor once = d.clone();
    CHECK(at::equal(ball.project_into_(d, problem.x, problem.box), once));

    at::Tensor batch = problem.d.clone();
    redoubt::detail::project_l1_on_tensors(batch, problem.x, problem.box, ball.radius);
    CHECK(largest_error(problem, batch, reference) < length_slack(problem));
  });
}

TEST_CASE("l1: no other point of ball and box is nearer, as the variational inequality says") {
  with_random_projections(60, [](const projection_problem& problem) {
    const l1 ball{problem.radii};
    at::Tensor d = problem.d.clone();
    ball.project_into_(d, problem.x, problem.box);
    const at::Tensor pull = problem.d.sub(d).to(at::kDouble).flatten(1);
    for (std::uint64_t other = 0; other < 20; ++other) {
      // Inside the ball by its draw, inside the box by a clamp, which shortens.
      at::Tensor q = ball.sample(d, first_rows(d.size(0)), {.seed = other}).to(problem.x.scalar_type());
      q = problem.box.clamp(problem.x.add(q)).sub(problem.x);
      const at::Tensor gain = pull.mul(q.sub(d).to(at::kDouble).flatten(1)).sum(1);
      CHECK(gain.le(pull.abs().amax(1).mul(problem.radii).mul(2 * length_slack(problem))).all().item<bool>());
    }
  });
}

TEST_CASE("l1: a point inside is bitwise unchanged; of one inside the ball alone only what leaves the box changes") {
  const at::Tensor x = at::full({4, 1, 5, 5}, 0.25F);
  const at::Tensor inside = l1{0.9}.sample(x, first_rows(4), {.seed = 3}).clamp_(-0.25, 0.75);
  at::Tensor d = inside.clone();
  CHECK(at::equal(l1{0.9}.project_into_(d, x, {}), inside));
  CHECK(at::equal(l1{0.9}.project_(d), inside));
  at::Tensor zero = at::zeros({2, 1, 1, 3});
  CHECK(at::equal(l1{0}.project_into_(zero, zero, {}), at::zeros({2, 1, 1, 3})));

  // A radius beyond what the box allows: the projection is the box's.
  const at::Tensor far = normal({4, 1, 5, 5}, 4).mul_(3);
  d = far.clone();
  l1{1e4}.project_into_(d, x, {});
  CHECK(at::equal(d, far.clamp(-0.25, 0.75)));
}

TEST_CASE("l1: a radius of zero leaves nothing") {
  at::Tensor d = normal({3, 1, 2, 4}, 1);
  CHECK(at::equal(l1{0}.project_(d), at::zeros({3, 1, 2, 4})));
  d = normal({3, 1, 2, 4}, 1);
  CHECK(at::equal(l1{0}.project_into_(d, at::full_like(d, 0.5), {}), at::zeros({3, 1, 2, 4})));
}

TEST_CASE("l1: one element, equal elements, and elements with nowhere to go") {
  at::Tensor one = at::tensor({-3.0F}).view({1, 1, 1, 1});
  CHECK(at::equal(l1{0.5}.project_(one), at::tensor({-0.5F}).view({1, 1, 1, 1})));
  at::Tensor equal = at::tensor({2.0F, -2.0F, 2.0F, -2.0F}).view({1, 4});
  CHECK(at::allclose(l1{1}.project_(equal), at::tensor({0.25F, -0.25F, 0.25F, -0.25F}).view({1, 4})));
  // Two at the edge that they are pushed over: the others get the radius.
  const at::Tensor x = at::tensor({1.0F, 0.0F, 0.5F, 0.5F}).view({1, 1, 2, 2});
  at::Tensor d = at::tensor({9.0F, -9.0F, 2.0F, -2.0F}).view({1, 1, 2, 2});
  CHECK(at::allclose(l1{0.5}.project_into_(d, x, {}), at::tensor({0.0F, 0.0F, 0.25F, -0.25F}).view({1, 1, 2, 2})));
  // One that fills its room at the nearest point: shortened by 1.9, min(3 - 1.9, 0.3) + (2 - 1.9) = 0.4.
  const at::Tensor y = at::tensor({0.7F, 0.0F}).view({1, 1, 1, 2});
  d = at::tensor({3.0F, 2.0F}).view({1, 1, 1, 2});
  CHECK(at::allclose(l1{0.4}.project_into_(d, y, {}), at::tensor({0.3F, 0.1F}).view({1, 1, 1, 2})));
}

TEST_CASE("l1: a perturbation a million radii long keeps its precision") {
  const at::Tensor given = normal({3, 4000}, 5).mul_(1e4);
  projection_problem problem{.d = given, .x = {}, .box = {}, .radii = at::full({3}, 1e-2, at::kDouble)};
  at::Tensor d = given.clone();
  l1{1e-2}.project_(d);
  const at::Tensor endless = at::full_like(problem.sizes(), HUGE_VAL);
  CHECK(largest_error(problem, d, nearest_by_bisection(problem, endless)) < 1e-6);
}

TEST_CASE("l1: layouts, order and odd values") {
  const projection_problem problem = redoubt::testing::fixed_projection();
  redoubt::testing::check_projection_of_layouts(l1{problem.radii}, problem);
}

TEST_CASE("l1: a step has length 1 along the signs of the largest elements, of equal ones the first") {
  const at::Tensor g = at::tensor({0.5F, -4.0F, 0.0F, 3.0F, -3.0F, 0.1F, 2.0F, 0.2F}).view({1, 2, 4});
  const auto expected = [](const std::vector<float>& values) { return at::tensor(values).view({1, 2, 4}); };
  CHECK(at::equal(l1{.radius = 1, .share = 0.25}.steepest(g), expected({0, -0.5, 0, 0.5, 0, 0, 0, 0})));
  CHECK(at::equal(l1{.radius = 1, .share = 0.5}.steepest(g), expected({0, -0.25, 0, 0.25, -0.25, 0, 0.25, 0})));
  // At least one moves, and none whose gradient is zero.
  CHECK(at::equal(l1{.radius = 1, .share = 1e-9}.steepest(g), expected({0, -1, 0, 0, 0, 0, 0, 0})));
  CHECK(at::allclose(l1{.radius = 1, .share = 1}.steepest(g), expected({1, -1, 0, 1, -1, 1, 1, 1}).div(7)));

  const at::Tensor many = normal({6, 3, 20, 20}, 5);
  const at::Tensor step = l1{1}.steepest(many);
  CHECK(at::allclose(l1::length(step), at::ones({6})));
  CHECK(step.ne(0).flatten(1).sum(1).eq(std::ceil(1200 * l1{1}.share)).all().item<bool>());
  CHECK(at::equal(step.sign(), many.sign().mul(step.ne(0))));
  const at::Tensor gain = step.mul(many).flatten(1).sum(1).mul(54);
  CHECK(at::allclose(gain, std::get<0>(many.abs().flatten(1).topk(54, 1)).sum(1)));
  at::Tensor batch = many.clone();
  CHECK(at::equal(redoubt::detail::signs_of_largest_on_tensors(batch, std::ceil(1200 * l1{1}.share)), step));
}

TEST_CASE("l1: a share out of range is named") {
  for (const double share : {0.0, -0.1, 1.5, std::nan("")}) {
    CHECK_THROWS_WITH_AS((void)(l1{.radius = 1, .share = share}.steepest(at::ones({1, 4}))),
                         doctest::Contains("l1: share must lie in (0, 1]"), std::invalid_argument);
  }
}

TEST_CASE("l1: a step is zero for a gradient of zero, ignores NaN elements, and leaves the gradient as it was") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor g = at::tensor({0.0F, 0.0F, nan, nan, nan, -2e-40F, 3.0F, -INFINITY}).view({4, 2});
  const at::Tensor before = g.clone();
  const at::Tensor step = l1{.radius = 1, .share = 1}.steepest(g);
  CHECK(at::equal(step, at::tensor({0.0F, 0.0F, 0.0F, 0.0F, 0.0F, -1.0F, 0.5F, -0.5F}).view({4, 2})));
  CHECK(at::allclose(g, before, 0, 0, /*equal_nan=*/true));
}

TEST_CASE("l1: a step within a run leaves alone what the box holds back, and narrows as the run goes on") {
  const at::Tensor g = at::tensor({9.0F, -8.0F, 7.0F, -6.0F, 5.0F, -4.0F, 3.0F, -2.0F}).view({1, 8});
  const at::Tensor point = at::tensor({1.0F, 0.0F, 0.0F, 1.0F, 0.5F, 0.5F, 0.5F, 0.5F}).view({1, 8});
  const l1 ball{.radius = 1, .share = 0.25};
  CHECK(at::equal(ball.steepest_from(g, point, {}, 0.5),
                  at::tensor({0.0F, 0.0F, 0.5F, -0.5F, 0.0F, 0.0F, 0.0F, 0.0F}).view({1, 8})));
  CHECK(ball.steepest_from(g, point, {}, 0).ne(0).sum().item<std::int64_t>() == 6);
  CHECK(at::equal(ball.steepest_from(g, point, {}, 1),
                  at::tensor({0.0F, 0.0F, 1.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F}).view({1, 8})));
  const at::Tensor held = at::tensor({1.0F, 0.0F}).view({1, 2});
  CHECK(at::equal(ball.steepest_from(g.narrow(1, 0, 2), held, {}, 0.5), at::zeros({1, 2})));
}

TEST_CASE("l1: draws are uniform in the ball: (length / radius)^D is uniform, and no corner is favoured") {
  constexpr std::int64_t samples = 4000;
  for (const std::int64_t dimensions : {1, 2, 3, 10, 60}) {
    CAPTURE(dimensions);
    const at::Tensor d =
        l1{3}.sample(at::empty({samples, dimensions}), first_rows(samples), {.seed = 7}).to(at::kDouble).div(3);
    CHECK(length_in_double(d).max().item<double>() <= 1 + 1e-6);
    const at::Tensor share = length_in_double(d).pow(static_cast<double>(dimensions));
    // Moments of a uniform on [0, 1], within 4.5 standard errors.
    const double unit = 4.5 / std::sqrt(static_cast<double>(samples));
    CHECK(std::abs(share.mean().item<double>() - 0.5) < unit * std::sqrt(1.0 / 12));
    CHECK(std::abs(share.pow(2).mean().item<double>() - 1.0 / 3) < unit * std::sqrt(4.0 / 45));
    CHECK(d.mean(0).abs().max().item<double>() < 1.5 * unit / std::sqrt(static_cast<double>(dimensions)));
    // A coordinate's second moment in the unit ball is 2 / ((D + 1) (D + 2)).
    const auto size = static_cast<double>(dimensions);
    CHECK(d.pow(2).mean().item<double>() == doctest::Approx(2 / ((size + 1) * (size + 2))).epsilon(0.07));
    // How far a draw goes says nothing of where it goes.
    if (dimensions > 1) {
      const at::Tensor lean = d.select(1, 0).abs().div(length_in_double(d));
      const at::Tensor together = lean.sub(lean.mean()).mul(share.sub(share.mean())).mean();
      CHECK(std::abs(together.item<double>()) < unit * lean.std().item<double>() * std::sqrt(1.0 / 12));
    }
  }
}

TEST_CASE("l1: draws belong to rows, and radii per sample follow them through at(rows)") {
  const at::Tensor radii = at::tensor({0.0, 0.5, 2.0});
  const l1 ball{.radius = radii, .share = 0.7};
  const at::Tensor all = ball.sample(at::empty({3, 8}), first_rows(3), {.seed = 1});
  CHECK(l1::length(all).le(radii.mul(1 + 1e-6)).all().item<bool>());
  const at::Tensor order = at::tensor({2, 1}, at::kLong);
  CHECK(at::equal(ball.at(order).sample(at::empty({2, 8}), order, {.seed = 1}), all.index_select(0, order)));
  CHECK_FALSE(at::equal(ball.sample(at::empty({3, 8}), first_rows(3), {.seed = 1, .restart = 1}), all));
  CHECK(ball.at(order).share == 0.7);
  const at::Tensor none = at::empty({0, 3});
  CHECK(l1::length(none).numel() == 0);
  CHECK(l1{0.1}.sample(none, first_rows(0), {}).numel() == 0);
  CHECK(l1{0.1}.steepest(none).numel() == 0);
}

TEST_CASE("l1: a step at once is what the operations give") {
  redoubt::testing::check_steps_at_once([](const redoubt::extent& radius) { return l1{radius}; }, 6, 6);
}

#include <redoubt/norm/l0.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <redoubt/core/concepts.hpp>
#include <vector>

#include "../models.hpp"
#include "projections.hpp"
#include "steps.hpp"

using redoubt::l0;
using redoubt::testing::first_rows;
using redoubt::testing::normal;
using redoubt::testing::projection_problem;
using redoubt::testing::with_random_projections;

static_assert(redoubt::a_ball<l0> && redoubt::projects_into_box<l0>);

namespace {

/// Counts in place of radii: from none to more than there are elements.
projection_problem counted(projection_problem problem) {
  const auto width = static_cast<double>(problem.sizes().size(1));
  problem.radii =
      redoubt::testing::uniform({problem.d.size(0), 1}, 11, 0, 1.2 * width + 1).floor().flatten().to(at::kDouble);
  return problem;
}

double squared_distance(const at::Tensor& a, const at::Tensor& b) {
  return a.to(at::kDouble).sub(b.to(at::kDouble)).pow(2).sum().item<double>();
}

/// The least squared distance of one sample from ball and box: all elements at their nearest, then the smallest gains
/// given back, by sorting them in double precision.
double least_squared_distance(const at::Tensor& sizes, const at::Tensor& rooms, double count) {
  const at::Tensor kept = at::minimum(sizes, rooms);
  const at::Tensor gains = kept.mul(sizes.mul(2).sub(kept));
  const std::int64_t width = sizes.numel();
  const std::int64_t lost = std::max<std::int64_t>(0, width - static_cast<std::int64_t>(count));
  const at::Tensor sorted = std::get<0>(gains.sort());
  return sizes.sub(kept).pow(2).sum().item<double>() + sorted.narrow(0, 0, lost).sum().item<double>();
}

void check_nearest(const projection_problem& problem, const at::Tensor& found, const at::Tensor& rooms) {
  const double slack = problem.is_double() ? 1e-12 : 1e-6;
  CHECK(l0::length(found).le(problem.radii).all().item<bool>());
  for (std::int64_t i = 0; i < problem.d.size(0); ++i) {
    const at::Tensor sizes = problem.sizes()[i];
    const double least = least_squared_distance(sizes, rooms[i], problem.radii[i].item<double>());
    const double whole = sizes.pow(2).sum().item<double>();
    CHECK(squared_distance(found[i], problem.d[i]) <= least + slack * whole);
  }
}

}  // namespace

TEST_CASE("l0: the length of a sample is how many of its elements are not zero") {
  CHECK(at::equal(l0::length(at::tensor({3.0, -4.0, 0.0, -0.0, 0.0, 1e-300}).view({2, 1, 3})), at::tensor({2.0, 1.0})));
}

TEST_CASE("l0: the ball's projection keeps the largest elements as they are, and again changes no bit") {
  with_random_projections(200, [](const projection_problem& given) {
    const projection_problem problem = counted(given);
    const l0 ball{problem.radii};
    at::Tensor d = problem.d.clone();
    ball.project_(d);
    check_nearest(problem, d, at::full_like(problem.sizes(), HUGE_VAL));
    CHECK(at::equal(d, problem.d.mul(d.ne(0))));
    const at::Tensor once = d.clone();
    CHECK(at::equal(ball.project_(d), once));
    at::Tensor batch = problem.d.clone();
    CHECK(at::equal(redoubt::detail::project_l0_on_tensors(batch, {}, {}, ball.count), once));
  });
}

TEST_CASE("l0: onto ball and box no point is nearer, and again changes no bit") {
  with_random_projections(300, [](const projection_problem& given) {
    const projection_problem problem = counted(given);
    const l0 ball{problem.radii};
    at::Tensor d = problem.d.clone();
    ball.project_into_(d, problem.x, problem.box);
    check_nearest(problem, d, problem.rooms());
    CHECK(d.to(at::kDouble).abs().flatten(1).le(problem.rooms()).all().item<bool>());
    const at::Tensor once = d.clone();
    CHECK(at::equal(ball.project_into_(d, problem.x, problem.box), once));
    at::Tensor batch = problem.d.clone();
    redoubt::detail::project_l0_on_tensors(batch, problem.x, problem.box, ball.count);
    CHECK(at::equal(batch, once));
  });
}

TEST_CASE("l0: ranks by what an element gains in its box, not by how far it would go") {
  // The first would go far and may go 0.1: it gains 9^2 - 8.9^2 = 1.79. The second gains 0.5^2, the third 0.6^2, and
  // the last, already at its edge, nothing.
  const at::Tensor x = at::tensor({0.9F, 0.0F, 0.4F, 1.0F}).view({1, 1, 2, 2});
  const at::Tensor given = at::tensor({9.0F, 0.5F, 0.6F, 50.0F}).view({1, 1, 2, 2});
  const auto kept = [&](double count) {
    at::Tensor d = given.clone();
    return l0{count}.project_into_(d, x, {}).flatten().clone();
  };
  const at::Tensor edge = at::full({}, 1.0F).sub(x[0][0][0][0]);
  CHECK(at::equal(kept(1), at::stack({edge, at::zeros({}), at::zeros({}), at::zeros({})})));
  CHECK(at::equal(kept(2), at::stack({edge, at::zeros({}), given[0][0][1][0], at::zeros({})})));
  CHECK(at::equal(kept(2.9), kept(2)));
  CHECK(at::equal(kept(3), at::stack({edge, given[0][0][0][1], given[0][0][1][0], at::zeros({})})));
}

TEST_CASE("l0: of equal elements the first stay, in any layout") {
  const at::Tensor given = at::tensor({1.0F, -2.0F, 2.0F, -1.0F, 2.0F, 1.0F, 2.0F, 2.0F}).view({1, 2, 2, 2});
  const at::Tensor two = at::tensor({0.0F, -2.0F, 2.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F}).view({1, 2, 2, 2});
  for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
    at::Tensor d = given.contiguous(format).clone();
    CHECK(at::equal(l0{2}.project_(d), two));
    d = given.contiguous(format).clone();
    CHECK(at::equal(redoubt::detail::project_l0_on_tensors(d, {}, {}, 2), two));
  }
  at::Tensor same = at::full({2, 1000}, 0.5F);
  l0{10}.project_(same);
  CHECK(same.narrow(1, 0, 10).eq(0.5).all().item<bool>());
  CHECK(same.narrow(1, 10, 990).eq(0).all().item<bool>());
}

TEST_CASE("l0: neighbouring numbers are told apart, and the smallest and largest are ranked") {
  const float one = 1;
  const float next = std::nextafter(one, 2.0F);
  at::Tensor d = at::tensor({one, next, one, -next}).view({1, 4});
  CHECK(at::equal(l0{2}.project_(d), at::tensor({0.0F, next, 0.0F, -next}).view({1, 4})));
  d = at::tensor({1e-45F, 0.0F, 3e-45F, -2e-42F, 0.0F}).view({1, 5});
  CHECK(at::equal(l0{2}.project_(d), at::tensor({0.0F, 0.0F, 3e-45F, -2e-42F, 0.0F}).view({1, 5})));
  d = at::tensor({1e38F, -3e38F, 2e38F}).view({1, 3});
  CHECK(at::equal(l0{1}.project_(d), at::tensor({0.0F, -3e38F, 0.0F}).view({1, 3})));
  d = at::tensor({1e-300, 2e-300, 1e300}, at::kDouble).view({1, 3});
  CHECK(at::equal(l0{2}.project_(d), at::tensor({0.0, 2e-300, 1e300}, at::kDouble).view({1, 3})));
}

TEST_CASE("l0: a count of zero leaves nothing; one that all fit in leaves what the box does") {
  const at::Tensor given = normal({3, 1, 4, 4}, 1);
  const at::Tensor x = at::full_like(given, 0.25);
  at::Tensor d = given.clone();
  CHECK(at::equal(l0{0}.project_(d), at::zeros_like(given)));
  d = given.clone();
  CHECK(at::equal(l0{0.5}.project_into_(d, x, {}), at::zeros_like(given)));
  d = given.clone();
  CHECK(at::equal(l0{16}.project_into_(d, x, {}), given.clamp(-0.25, 0.75)));
  at::Tensor one = at::full({1, 1}, -3.0F);
  CHECK(at::equal(l0{1}.project_(one), at::full({1, 1}, -3.0F)));
}

TEST_CASE("l0: layouts, order and odd values") {
  projection_problem problem = redoubt::testing::fixed_projection();
  problem.radii = at::tensor({2.0, 5.0, 30.0}, at::kDouble);
  redoubt::testing::check_projection_of_layouts(l0{problem.radii}, problem);
}

TEST_CASE("l0: a step is the gradient over its largest element; zero where it is zero or NaN") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor g = at::tensor({2.0F, -4.0F, 0.0F, 0.0F, nan, 1e-30F}).view({3, 2});
  CHECK(at::equal(l0::steepest(g), at::tensor({0.5F, -1.0F, 0.0F, 0.0F, 0.0F, 1.0F}).view({3, 2})));
}

TEST_CASE("l0: draws change exactly `count` elements, each as often as the others, uniformly in [-1, 1]") {
  constexpr std::int64_t samples = 20000;
  const at::Tensor d = l0{3}.sample(at::empty({samples, 2, 5}), first_rows(samples), {.seed = 7});
  CHECK(l0::length(d).eq(3).all().item<bool>());
  const at::Tensor often = d.ne(0).flatten(1).to(at::kDouble).mean(0);
  CHECK(often.sub(0.3).abs().max().item<double>() < 4.5 * std::sqrt(0.21 / samples));
  // Pairs, too: of 45 pairs each sample holds 3.
  const at::Tensor chosen = d.ne(0).flatten(1).to(at::kDouble);
  const at::Tensor pairs = at::mm(chosen.t(), chosen).div(samples).triu(1);
  const at::Tensor off = pairs.masked_select(pairs.ne(0)).sub(1.0 / 15).abs().max();
  CHECK(off.item<double>() < 4.5 * std::sqrt(1.0 / 15 / samples));
  const at::Tensor values = d.masked_select(d.ne(0)).to(at::kDouble);
  const double unit = 4.5 / std::sqrt(static_cast<double>(values.numel()));
  CHECK(values.abs().max().item<double>() <= 1);
  CHECK(std::abs(values.mean().item<double>()) < unit * std::sqrt(1.0 / 3));
  CHECK(std::abs(values.pow(2).mean().item<double>() - 1.0 / 3) < unit * std::sqrt(4.0 / 45));
  CHECK(std::abs(values.pow(4).mean().item<double>() - 0.2) < unit * std::sqrt(1.0 / 9 - 0.04));
}

TEST_CASE("l0: draws belong to rows, and counts per sample follow them through at(rows)") {
  const at::Tensor counts = at::tensor({0.0, 2.0, 9.0});
  const l0 ball{counts};
  const at::Tensor all = ball.sample(at::empty({3, 8}), first_rows(3), {.seed = 1});
  CHECK(at::equal(l0::length(all), at::tensor({0.0F, 2.0F, 8.0F})));
  const at::Tensor order = at::tensor({2, 1}, at::kLong);
  CHECK(at::equal(ball.at(order).sample(at::empty({2, 8}), order, {.seed = 1}), all.index_select(0, order)));
  CHECK_FALSE(at::equal(ball.sample(at::empty({3, 8}), first_rows(3), {.seed = 1, .restart = 1}), all));
  const at::Tensor none = at::empty({0, 3});
  CHECK(l0::length(none).numel() == 0);
  CHECK(l0{1}.sample(none, first_rows(0), {}).numel() == 0);
  CHECK(l0::steepest(none).numel() == 0);
}

TEST_CASE("l0: a step at once is what the operations give") {
  redoubt::testing::check_steps_at_once([](const redoubt::extent& radius) { return l0{radius}; }, 20, 1.0);
}

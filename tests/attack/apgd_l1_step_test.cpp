#include <redoubt/attack/apgd_l1_step.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <redoubt/norm/l1.hpp>
#include <vector>

#include "../models.hpp"

using redoubt::apgd_l1_step;
using redoubt::l1;
using redoubt::step_view;
using redoubt::testing::largest;

static_assert(redoubt::a_step_rule<apgd_l1_step, l1>);

namespace {

constexpr std::int64_t elements = 10;
constexpr double radius = 0.3;

/// What a rule is shown at a step of 25: so many that each is a check.
step_view shown(const at::Tensor& point, const at::Tensor& gradient, const at::Tensor& loss, int step) {
  return {.x = at::full_like(point, 0.5),
          .point = point,
          .gradient = gradient,
          .loss = loss,
          .fooled = loss.gt(1e9),
          .length = radius,
          .box = {},
          .step = step,
          .steps = 25};
}

/// 0.5 with the first `moved` elements moved by `far`, one sample.
at::Tensor point_with(std::int64_t moved, double far) {
  at::Tensor point = at::full({1, elements}, 0.5);
  point.narrow(1, 0, moved).add_(far);
  return point;
}

/// 1, -2, 3, -4, ...: the last elements are the largest.
at::Tensor slopes() {
  const at::Tensor size = at::arange(1, elements + 1, at::kFloat).view({1, elements});
  return size.mul(size.remainder(2).mul(2).sub(1));
}

struct seen {
  double length;      // of the step, in radii
  std::int64_t wide;  // elements that it moves
};

/// What the rule's answer d adds to `from`, a point around 0.5.
seen step_from(const at::Tensor& d, const at::Tensor& from) {
  const at::Tensor step = d.sub(from.sub(0.5));
  return {l1::length(step).item<double>() / radius, step.abs().gt(1e-6).sum().item<std::int64_t>()};
}

}  // namespace

TEST_CASE("apgd_l1_step: moves a share of the elements, those of the largest gradient, all by the same") {
  apgd_l1_step rule{.first_share = 0.3};
  const at::Tensor point = point_with(0, 0);
  const at::Tensor d = rule.next(l1{radius}, shown(point, slopes(), at::zeros({1}), 0));
  const at::Tensor expected = at::zeros({1, elements});
  expected.narrow(1, 7, 3).copy_(at::tensor({-0.1F, 0.1F, -0.1F}));
  CHECK(largest(d.sub(expected)) < 1e-6);
}

TEST_CASE("apgd_l1_step: leaves out elements that the box holds, and takes the next ones") {
  apgd_l1_step rule{.first_share = 0.3};
  at::Tensor point = point_with(0, 0);
  point[0][8] = 1;  // the gradient there is positive
  point[0][9] = 1;  // negative: free to go down
  const at::Tensor d = rule.next(l1{radius}, shown(point, slopes(), at::zeros({1}), 0));
  const at::Tensor step = d.sub(point.sub(0.5));
  CHECK(step[0][8].item<double>() == 0);
  CHECK(step[0][9].item<double>() == doctest::Approx(-0.1));
  CHECK(step[0][7].item<double>() == doctest::Approx(-0.1));
  CHECK(step[0][6].item<double>() == doctest::Approx(0.1));
}

TEST_CASE("apgd_l1_step: with a share of 0 the start's own elements count, two thirds of them") {
  apgd_l1_step rule{.first_share = 0};
  const at::Tensor point = point_with(6, 0.01);
  const at::Tensor d = rule.next(l1{radius}, shown(point, slopes(), at::zeros({1}), 0));
  CHECK(step_from(d, point).wide == 4);
  // None at all: one element moves.
  apgd_l1_step other{.first_share = 0};
  const at::Tensor none = point_with(0, 0);
  CHECK(step_from(other.next(l1{radius}, shown(none, slopes(), at::zeros({1}), 0)), none).wide == 1);
}

TEST_CASE("apgd_l1_step: a best point that got sparser is gone back to, at full length; else steps shrink to a tenth") {
  apgd_l1_step rule{.first_share = 0.2};
  auto next = [&, step = 0](const at::Tensor& point, double loss) mutable {
    return rule.next(l1{radius}, shown(point, slopes(), at::full({1}, loss), step++));
  };
  const at::Tensor all = point_with(10, 0.02);
  const seen first = step_from(next(all, 0), all);
  CHECK(first.length == doctest::Approx(1));
  CHECK(first.wide == 2);
  // Higher, with 5 elements moved instead of the 10 that were assumed: sparser. Two thirds of 5 are 4.
  const at::Tensor five = point_with(5, 0.01);
  const seen second = step_from(next(five, 1), five);
  CHECK(second.length == doctest::Approx(1));
  CHECK(second.wide == 4);
  // Lower points with 9 moved: the best stays with its 5, and the climb goes on from where it is, ever shorter.
  const at::Tensor nine = point_with(9, 0.015);
  for (int turn = 1; turn < 10; ++turn) {
    const seen later = step_from(next(nine, 0.5), nine);
    CHECK(later.length == doctest::Approx(std::max(std::pow(1.5, -turn), 0.1)));
    CHECK(later.wide == 4);
  }
  // Higher and sparser again, then lower and no sparser.
  const at::Tensor two = point_with(2, 0.01);
  const seen fresh = step_from(next(two, 2), two);
  CHECK(fresh.length == doctest::Approx(1));
  CHECK(fresh.wide == 2);
  CHECK(step_from(next(nine, 0), nine).length == doctest::Approx(1 / 1.5));
}

TEST_CASE("apgd_l1_step: what it keeps follows its samples, and none sees another") {
  const auto points = [](int step) {
    return at::cat({point_with(10 - step, 0.02), point_with(3, 0.01 * step), point_with(step, -0.01)});
  };
  const at::Tensor gradient = at::cat({slopes(), slopes().neg(), slopes().flip(1)});
  const auto loss = [](int step) {
    return at::tensor({1.0 * step, -2.0 * step, step % 2 == 0 ? 1.0 : 0.0}, at::kFloat);
  };
  const at::Tensor some = at::tensor({2, 0}, at::kLong);
  apgd_l1_step whole{};
  apgd_l1_step part{};
  for (int step = 0; step < 8; ++step) {
    const at::Tensor d = whole.next(l1{radius}, shown(points(step), gradient, loss(step), step));
    if (step < 3) {
      part = whole.at(some);
      continue;
    }
    const step_view now = shown(points(step).index_select(0, some), gradient.index_select(0, some),
                                loss(step).index_select(0, some), step);
    CHECK(at::equal(part.next(l1{radius}, now), d.index_select(0, some)));
  }
}

TEST_CASE("apgd_l1_step: gradients of zero or NaN move nothing") {
  apgd_l1_step rule{};
  const at::Tensor point = point_with(4, 0.02);
  at::Tensor gradient = at::zeros({1, elements});
  CHECK(step_from(rule.next(l1{radius}, shown(point, gradient, at::zeros({1}), 0)), point).wide == 0);
  gradient.fill_(std::numeric_limits<float>::quiet_NaN());
  CHECK(step_from(rule.next(l1{radius}, shown(point, gradient, at::zeros({1}), 1)), point).wide == 0);
}

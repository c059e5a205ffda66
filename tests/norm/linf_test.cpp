#include <redoubt/norm/linf.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "../models.hpp"
#include "steps.hpp"

using redoubt::box;
using redoubt::extent;
using redoubt::linf;
using redoubt::testing::first_rows;
using redoubt::testing::normal;
using redoubt::testing::step_problem;

TEST_CASE("linf: the length of a sample is its largest element") {
  CHECK(at::equal(linf::length(at::tensor({1.0, -4.0, 2.0, 0.0, 0.5, -0.25}).view({2, 1, 3})), at::tensor({4.0, 0.5})));
}

TEST_CASE("linf: projects onto the nearest point, as a double-precision clamp does, and again changes nothing") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed};
  for (int trial = 0; trial < 40; ++trial) {
    const double radius = std::exp2(random.uniform() * 20 - 12);
    const at::Tensor given = normal({1 + random.below(5), 1 + random.below(9), 3}, random()).mul_(2 * radius);
    at::Tensor d = given.clone();
    linf{radius}.project_(d);
    CAPTURE(radius);
    // The bound is the radius as float32 rounds it.
    const double bound = static_cast<float>(radius);
    CHECK(at::equal(d.to(at::kDouble), given.to(at::kDouble).clamp(-bound, bound)));
    CHECK(linf::length(d).max().item<double>() <= bound);
    const at::Tensor once = d.clone();
    linf{radius}.project_(d);
    CHECK(at::equal(d, once));
  }
}

TEST_CASE("linf: a point inside is bitwise unchanged") {
  const at::Tensor given = normal({4, 50}, 3).mul_(1e-3).clamp_(-0.5, 0.5);
  at::Tensor d = given.clone();
  linf{0.5}.project_(d);
  CHECK(at::equal(d, given));
}

TEST_CASE("linf: the steepest step has length 1 and gains the l1 norm of the gradient, as no other step does") {
  const at::Tensor g = normal({6, 40}, 5);
  const at::Tensor step = linf::steepest(g);
  CHECK(at::equal(linf::length(step), at::ones({6})));
  const at::Tensor gain = g.mul(step).sum(1);
  CHECK(at::allclose(gain, g.abs().sum(1)));
  for (std::uint64_t other = 0; other < 20; ++other) {
    CHECK(g.mul(linf{1}.sample(g, first_rows(6), {.seed = other})).sum(1).le(gain).all().item<bool>());
  }
}

TEST_CASE("linf: the steepest step is zero where the gradient is zero or NaN, and whole where it is tiny or infinite") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const at::Tensor g = at::tensor({0.0F, nan, 1e-42F, -1e-30F, infinity, -infinity, 3.0F, -0.0F});
  // More than one vector register of them, so that both the vector and the scalar code are asked.
  for (const std::int64_t copies : {1, 9}) {
    const at::Tensor step = linf::steepest(g.repeat({copies}).view({1, -1}));
    CHECK(
        at::equal(step, at::tensor({0.0F, 0.0F, 1.0F, -1.0F, 1.0F, -1.0F, 1.0F, 0.0F}).repeat({copies}).view({1, -1})));
  }
}

TEST_CASE("linf: draws are uniform in the ball") {
  const at::Tensor d =
      linf{0.25}.sample(at::empty({100, 1000}), first_rows(100), {.seed = 7}).to(at::kDouble).div(0.25);
  CHECK(d.abs().max().item<double>() <= 1);
  // Moments of a uniform on [-1, 1], within 4.5 standard errors of 100,000 draws.
  const double unit = 4.5 / std::sqrt(100000.0);
  CHECK(std::abs(d.mean().item<double>()) < unit * std::sqrt(1.0 / 3));
  CHECK(std::abs(d.pow(2).mean().item<double>() - 1.0 / 3) < unit * std::sqrt(4.0 / 45));
  const at::Tensor bins = at::bincount(d.add(1).mul(10).flatten().to(at::kLong), {}, 20).to(at::kDouble);
  CHECK(bins.sub(5000).pow(2).div(5000).sum().item<double>() < 43.8);  // 99.9 % of 19 degrees of freedom
}

TEST_CASE("linf: radii per sample bound each sample by its own, and follow it through at(rows)") {
  const at::Tensor radii = at::tensor({0.0, 0.5, 2.0});
  const linf ball{radii};
  at::Tensor d = at::tensor({3.0, -1.0, 3.0, -1.0, 3.0, -1.0}).view({3, 2});
  ball.project_(d);
  CHECK(at::equal(d, at::tensor({0.0, -0.0, 0.5, -0.5, 2.0, -1.0}).view({3, 2})));

  const at::Tensor all = ball.sample(at::empty({3, 8}), first_rows(3), {.seed = 1});
  CHECK(linf::length(all).le(radii).all().item<bool>());
  const at::Tensor order = at::tensor({2, 1}, at::kLong);
  CHECK(at::equal(ball.at(order).sample(at::empty({2, 8}), order, {.seed = 1}), all.index_select(0, order)));
}

TEST_CASE("linf: takes float64, channels last, and no samples at all") {
  at::Tensor d = normal({2, 3, 4, 5}, 1).to(at::kDouble);
  const at::Tensor expected = d.clamp(-0.1, 0.1);
  linf{0.1}.project_(d);
  CHECK(at::equal(d, expected));
  at::Tensor last = normal({2, 3, 4, 5}, 1).contiguous(at::MemoryFormat::ChannelsLast);
  linf{at::tensor({0.1, 0.1})}.project_(last);
  CHECK(last.is_contiguous(at::MemoryFormat::ChannelsLast));
  CHECK(at::allclose(last, expected.to(at::kFloat)));
  at::Tensor none = at::empty({0, 3});
  CHECK(linf{0.1}.project_(none).numel() == 0);
  CHECK(linf::length(none).numel() == 0);
  CHECK(linf{0.1}.sample(none, first_rows(0), {}).numel() == 0);
}

namespace {

// The operations of a step one after the other, as torchattacks has them.
at::Tensor step_by_step(const at::Tensor& point, const at::Tensor& g, const at::Tensor& x, const extent& radius,
                        const extent& length, const box& bounds) {
  at::Tensor along = g.sign();
  at::Tensor d = point.add(length.scale_(along)).sub(x);
  return bounds.clamp(x.add(radius.clamp_(d)));
}

}  // namespace

TEST_CASE("linf: a step at once is bit by bit what the operations give, whatever the shape, layout and numbers") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed};
  for (int trial = 0; trial < 60; ++trial) {
    const std::int64_t samples = 1 + random.below(5);
    const std::int64_t channels = 1 + random.below(4);
    const std::vector<std::int64_t> shape{samples, channels, 1 + random.below(12), 1 + random.below(12)};
    const at::ScalarType type = trial % 4 == 0 ? at::kDouble : at::kFloat;
    step_problem p{shape, random(), type};
    extent radius = 0.1;
    extent length = 0.03;
    box bounds;
    if (trial % 3 == 1) {
      radius = redoubt::uniform_like(at::empty({samples}), first_rows(samples), {.seed = random()}).mul_(0.1);
    }
    if (trial % 5 == 1) {
      length = redoubt::uniform_like(at::empty({samples}), first_rows(samples), {.seed = random()}).mul_(0.1);
    }
    if (trial % 2 == 1) {
      bounds = {at::linspace(-0.2, 0, channels), 1.0};
    } else if (trial % 3 == 0) {
      for (at::Tensor* each : {&p.x, &p.point}) {
        *each = each->contiguous(at::MemoryFormat::ChannelsLast);
      }
    }
    const at::Tensor expected = step_by_step(p.point, p.gradient, p.x, radius, length, bounds);
    at::Tensor point = p.point;  // somebody else has it, too
    REQUIRE(linf{radius}.step_(point, p.gradient, p.x, length, bounds, 0));
    CHECK(at::equal(point, expected));
    CHECK(point.strides() == p.x.strides());
    CHECK_FALSE(point.is_same(p.point));

    at::Tensor own = p.point.clone();
    const void* const memory = own.const_data_ptr();
    REQUIRE(linf{radius}.step_(own, p.gradient, p.x, length, bounds, 0));
    CHECK(at::equal(own, expected));
    CHECK(own.const_data_ptr() == memory);
  }
}

TEST_CASE("linf: a step at once that cannot be says so and changes nothing") {
  const step_problem p{{3, 2, 4, 4}, 1};
  const linf ball{0.1};
  const auto refused = [&](const linf& by, const at::Tensor& given, const at::Tensor& g, const at::Tensor& x,
                           const box& bounds) {
    at::Tensor point = given.clone();
    const at::Tensor before = point.clone();
    return !by.step_(point, g, x, 0.03, bounds, 0) && at::equal(point, before);
  };
  CHECK(refused(ball, p.point.to(at::kDouble), p.gradient, p.x, {}));
  CHECK(refused(ball, p.point.to(at::kHalf), p.gradient.to(at::kHalf), p.x.to(at::kHalf), {}));
  CHECK(refused(ball, p.point, p.gradient.narrow(0, 0, 1), p.x, {}));
  CHECK(refused(ball, at::empty({0, 3}), at::empty({0, 3}), at::empty({0, 3}), {}));
}

TEST_CASE("linf: a step at once of tensors that lie otherwise than it needs is that of their copies, and lies as x") {
  const step_problem p{{3, 2, 4, 4}, 1};
  const auto check = [&](const auto& lay, const extent& radius, const box& bounds) {
    const at::Tensor x = lay(p.x);
    const at::Tensor expected = step_by_step(lay(p.point), lay(p.gradient), x, radius, 0.03, bounds);
    at::Tensor point = lay(p.point);
    REQUIRE(linf{radius}.step_(point, lay(p.gradient), x, 0.03, bounds, 0));
    CHECK(at::equal(point, expected));
    CHECK((point.strides() == x.strides() || !x.is_non_overlapping_and_dense()));
    point = lay(p.point);
    REQUIRE(linf{radius}.step_(point, lay(p.gradient).contiguous(), x, 0.03, bounds, 0));
    CHECK(at::equal(point, expected));
  };
  const auto last = [](const at::Tensor& t) { return t.contiguous(at::MemoryFormat::ChannelsLast); };
  check(last, 0.1, {at::zeros({2}), 1.0});
  check([](const at::Tensor& t) { return t.permute({2, 1, 0, 3}); }, at::full({4}, 0.1), {});
  check([](const at::Tensor& t) { return t.slice(3, 0, 4, 2); }, 0.1, {});
  check([](const at::Tensor& t) { return t.narrow(0, 0, 1).expand({5, 2, 4, 4}); }, 0.1, {});
}

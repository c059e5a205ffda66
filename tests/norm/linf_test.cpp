#include <redoubt/norm/linf.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "../models.hpp"

using redoubt::linf;
using redoubt::testing::first_rows;
using redoubt::testing::normal;

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

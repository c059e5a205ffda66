// The balls' projections against the same in operations on whole tensors, which sort: on one thread, at a step of PGD.

#include <benchmark/benchmark.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <cmath>
#include <redoubt/norm/l0.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <string>
#include <vector>

#include "timing.hpp"

namespace {

// Images, many of whose elements are at the box's edges, and perturbations one step after a few steps along gradients
// that differ little: outside the ball, partly outside the box.
template <class Ball>
struct problem {
  Ball ball;
  at::Tensor x;
  at::Tensor d;

  problem(const Ball& of, double step, const benchmark::State& state) : ball{of} {
    at::set_num_threads(1);
    const std::vector<std::int64_t> shape{state.range(0), state.range(1), state.range(2), state.range(2)};
    const at::Tensor rows = at::arange(shape[0]);
    x = redoubt::uniform_like(at::empty(shape), rows, {.seed = 1}).mul_(2).sub_(0.5).clamp_(0, 1);
    const at::Tensor gradient = redoubt::normal_like(x, rows, {.seed = 2});
    d = ball.sample(x, rows, {.seed = 3});
    for (std::uint32_t i = 0; i < 6; ++i) {
      ball.project_into_(d, x, {});
      d.add_(ball.steepest(gradient.add(redoubt::normal_like(x, rows, {.seed = 4, .step = i}))), step);
    }
  }
};

// Duchi et al. 2008 (ICML), figure 1: the magnitudes sorted, the shift from their running sums.
void sorted_l1(at::Tensor& d, double radius) {
  const at::Tensor size = d.abs().flatten(1);
  const at::Tensor sorted = std::get<0>(size.sort(1, true));
  const at::Tensor places = at::arange(1, size.size(1) + 1, size.options());
  const at::Tensor shifts = sorted.cumsum(1).sub_(radius).div_(places);
  const at::Tensor last = sorted.gt(shifts).sum(1, true).sub_(1);
  const at::Tensor shift = shifts.gather(1, last).clamp_min_(0);
  d.copy_(size.sub(shift).clamp_min_(0).view(d.sizes()).copysign(d));
}

// As AutoAttack does it (Croce & Hein 2021, arXiv:2103.01208, section 3): the sum of the magnitudes is piecewise linear
// in the shift; both kinds of its kinks sorted, its values from running sums, then one line solved.
void sorted_l1_into(at::Tensor& d, const at::Tensor& x, double radius) {
  const at::Tensor size = d.abs().flatten(1);
  const at::Tensor room = at::where(d.lt(0), x, x.neg().add_(1)).flatten(1);
  const at::Tensor begins = size.sub(room).clamp_min_(0);
  const auto [kinks, order] = at::cat({begins, size}, 1).sort(1);
  const at::Tensor bends = at::cat({at::full_like(size, -1), at::ones_like(size)}, 1).gather(1, order);
  const at::Tensor slopes = bends.cumsum(1);
  const at::Tensor whole = at::minimum(size, room).sum(1, true);
  const at::Tensor falls = slopes.slice(1, 0, -1).mul(kinks.diff(1, 1)).cumsum(1);
  const at::Tensor sums = at::cat({whole, falls.add_(whole)}, 1);
  const at::Tensor from = sums.gt(radius).sum(1, true).sub_(1).clamp_min_(0);
  const at::Tensor excess = sums.gather(1, from).sub_(radius);
  at::Tensor shift = kinks.gather(1, from).sub_(excess.div_(slopes.gather(1, from)));
  shift.masked_fill_(whole.le(radius), 0);
  d.copy_(at::minimum(size.sub(shift).clamp_min_(0), room).view(d.sizes()).copysign(d));
}

// The scale, then the clamp: near the intersection's projection, not it.
void scaled_l2_into(at::Tensor& d, const at::Tensor& x, double radius) {
  redoubt::l2{radius}.project_(d);
  d.copy_(x.add(d).clamp_(0, 1).sub_(x));
}

void ranked_l0_into(at::Tensor& d, const at::Tensor& x, double count) {
  const at::Tensor kept = x.add(d).clamp_(0, 1).sub_(x).flatten(1);
  const at::Tensor flat = d.flatten(1);
  const at::Tensor gain = flat.square().sub_(flat.sub(kept).square_());
  const at::Tensor order = std::get<1>(gain.topk(static_cast<std::int64_t>(count), 1));
  d.copy_(at::zeros_like(kept).scatter_(1, order, kept.gather(1, order)).view(d.sizes()));
}

// Both in turn within one run, so that what else the machine does falls on both: the ratio of the medians.
template <class Ours, class Theirs>
void compare(benchmark::State& state, const at::Tensor& given, const Ours& ours, const Theirs& theirs, double agree) {
  at::Tensor d = given.clone();
  at::Tensor e = given.clone();
  ours(d);
  theirs(e);
  if (d.sub(e).abs().max().item<double>() > agree) {
    state.SkipWithError("the two do not agree");
    return;
  }
  std::vector<double> our_times;
  std::vector<double> their_times;
  for ([[maybe_unused]] auto _ : state) {
    d.copy_(given);
    our_times.push_back(seconds([&] { ours(d); }));
    benchmark::DoNotOptimize(d);
    e.copy_(given);
    their_times.push_back(seconds([&] { theirs(e); }));
    benchmark::DoNotOptimize(e);
    state.SetIterationTime(our_times.back());
  }
  state.counters["median_us"] = 1e6 * median(our_times);
  state.counters["in_tensor_ops_us"] = 1e6 * median(their_times);
  state.counters["times_faster"] = median(their_times) / median(our_times);
}

constexpr double radius = 12;

void l1_ball(benchmark::State& state) {
  const problem p{redoubt::l1{radius}, radius / 10, state};
  compare(
      state, p.d, [&](at::Tensor& d) { p.ball.project_(d); }, [](at::Tensor& d) { sorted_l1(d, radius); }, 1e-5);
}

void l1_ball_and_box(benchmark::State& state) {
  const problem p{redoubt::l1{radius}, radius / 10, state};
  compare(
      state, p.d, [&](at::Tensor& d) { p.ball.project_into_(d, p.x, {}); },
      [&](at::Tensor& d) { sorted_l1_into(d, p.x, radius); }, 1e-4);
}

void l1_step(benchmark::State& state) {
  const problem p{redoubt::l1{radius}, radius / 10, state};
  compare(
      state, p.d, [&](at::Tensor& d) { d = p.ball.steepest(d); },
      [&](at::Tensor& d) {
        const at::Tensor size = d.abs().flatten(1);
        const auto most = static_cast<std::int64_t>(std::ceil(p.ball.share * static_cast<double>(size.size(1))));
        const at::Tensor least = std::get<0>(size.topk(most, 1)).amin(1, true);
        d = d.sign().flatten(1).mul_(size.ge(least)).div_(static_cast<double>(most)).view(d.sizes());
      },
      1);
}

void l2_ball_and_box(benchmark::State& state) {
  const problem p{redoubt::l2{1.5}, 0.15, state};
  compare(
      state, p.d, [&](at::Tensor& d) { p.ball.project_into_(d, p.x, {}); },
      [&](at::Tensor& d) { scaled_l2_into(d, p.x, 1.5); }, 1);
}

void l0_ball_and_box(benchmark::State& state) {
  const problem p{redoubt::l0{20}, 0.5, state};
  compare(
      state, p.d, [&](at::Tensor& d) { p.ball.project_into_(d, p.x, {}); },
      [&](at::Tensor& d) { ranked_l0_into(d, p.x, 20); }, 1);
}

void shapes(benchmark::internal::Benchmark* rows) {
  rows->Args({256, 1, 28})->Args({32, 3, 32})->UseManualTime()->Iterations(51)->Unit(benchmark::kMicrosecond);
}
BENCHMARK(l1_ball)->Apply(shapes);
BENCHMARK(l1_ball_and_box)->Apply(shapes);
BENCHMARK(l1_step)->Apply(shapes);
BENCHMARK(l2_ball_and_box)->Apply(shapes);
BENCHMARK(l0_ball_and_box)->Apply(shapes);

}  // namespace

// What a step does beside the model, in one pass and as the operations that torchattacks has for it, on one thread:
// the Fashion-MNIST batch, a CIFAR batch and an ImageNet batch.

#include <benchmark/benchmark.h>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <redoubt/norm/l0.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <vector>

#include "timing.hpp"

namespace {

constexpr double length = 2.0 / 255;

struct problem {
  at::Tensor x, gradient, point;

  explicit problem(const benchmark::State& state) {
    at::set_num_threads(1);
    const at::Tensor like = at::empty({state.range(0), state.range(1), state.range(2), state.range(2)});
    const at::Tensor rows = redoubt::row_numbers(like.size(0), like);
    x = redoubt::uniform_like(like, rows, {.seed = 1});
    gradient = redoubt::normal_like(like, rows, {.seed = 2});
    point = redoubt::linf{8.0 / 255}.sample(like, rows, {.seed = 3}).add_(x).clamp_(0, 1);
  }
};

// torchattacks 3.5.1, attacks/pgd.py and attacks/pgdl2.py: these operations in this order.
at::Tensor torchattacks_step(const redoubt::linf& ball, const problem& p) {
  const at::Tensor moved = p.point.detach().add(p.gradient.sign().mul(length));
  const at::Tensor d = moved.sub(p.x).clamp(-ball.radius.number(), ball.radius.number());
  return p.x.add(d).clamp(0, 1).detach();
}

at::Tensor torchattacks_step(const redoubt::l2& ball, const problem& p) {
  const auto size = [](const at::Tensor& t) { return t.flatten(1).norm(2, 1); };
  const at::Tensor unit = p.gradient.div(size(p.gradient).add(1e-10).view({-1, 1, 1, 1}));
  const at::Tensor d = p.point.detach().add(unit.mul(length)).sub(p.x);
  const at::Tensor factor = size(d).reciprocal().mul(ball.radius.number());
  const at::Tensor shrunk = d.mul(factor.minimum(factor.new_ones(factor.sizes())).view({-1, 1, 1, 1}));
  return p.x.add(shrunk).clamp(0, 1).detach();
}

// Both in turn within one run, so that what else the machine does falls on both: the median of the pairs' ratios.
template <class Ball>
void step_beside_torchattacks(benchmark::State& state, Ball ball) {
  problem p{state};
  const at::Tensor expected = torchattacks_step(ball, p);
  at::Tensor point = p.point.clone();
  const auto step = [&] {
    if (!ball.step_(point, p.gradient, p.x, length, {}, 0.5)) {
      throw std::logic_error("the step was not taken in one pass");
    }
  };
  step();
  state.counters["equal"] = at::equal(point, expected) ? 1 : 0;
  std::vector<double> ratios;
  for ([[maybe_unused]] auto _ : state) {
    const double peer = seconds([&] { benchmark::DoNotOptimize(torchattacks_step(ball, p)); });
    const double own = seconds(step);
    ratios.push_back(peer / own);
    state.SetIterationTime(own);
  }
  state.counters["times_torchattacks"] = median(ratios);
  // x, gradient and point read, point written.
  state.SetBytesProcessed(state.iterations() * 4 * static_cast<std::int64_t>(p.x.nbytes()));
}

// A ball that torchattacks has no step for.
template <class Ball>
void step(benchmark::State& state, Ball ball, double far) {
  problem p{state};
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(ball.step_(p.point, p.gradient, p.x, far, {}, 0.5));
  }
  state.SetBytesProcessed(state.iterations() * 4 * static_cast<std::int64_t>(p.x.nbytes()));
}

void batches(benchmark::internal::Benchmark* each) {
  each->Args({256, 1, 28})->Args({32, 3, 32})->Args({64, 3, 224})->Unit(benchmark::kMicrosecond);
}
BENCHMARK_CAPTURE(step_beside_torchattacks, linf, redoubt::linf{8.0 / 255})->Apply(batches)->UseManualTime();
BENCHMARK_CAPTURE(step_beside_torchattacks, l2, redoubt::l2{1.0})->Apply(batches)->UseManualTime();
BENCHMARK_CAPTURE(step, l1, redoubt::l1{12.0}, 12.0)->Apply(batches);
BENCHMARK_CAPTURE(step, l0, redoubt::l0{30}, 1.0)->Apply(batches);

}  // namespace

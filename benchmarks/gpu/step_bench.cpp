// A step of each ball by its kernel, beside the same by ATen's operations and beside a copy of as many bytes.
//
// `of_copy` is the share of a copy's speed: (bytes that the step must move / its time) over the same of
// at::Tensor::copy_. `times_operations` is how often faster than the chain of operations. Everything on the GPU, events
// around 20 runs.

#include <ATen/ATen.h>

#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/norm/l0.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "device.hpp"
#include "timing.hpp"

namespace {

constexpr int runs = 20;

struct problem {
  at::Tensor x, gradient, point;

  problem(at::Tensor clean, at::Tensor along, at::Tensor from)
      : x{std::move(clean)}, gradient{std::move(along)}, point{std::move(from)} {}

  problem(const benchmark::State& state, at::ScalarType type) {
    const at::Tensor like = at::empty({state.range(0), state.range(1), state.range(2), state.range(2)}).cuda();
    const at::Tensor rows = redoubt::row_numbers(like.size(0), like);
    x = redoubt::uniform_like(like, rows, {.seed = 1});
    gradient = redoubt::uniform_like(like, rows, {.seed = 2}).sub_(0.5).to(type);
    point = redoubt::linf{8.0 / 255}.sample(like, rows, {.seed = 3}).add_(x).clamp_(0, 1);
  }
};

// Onto the l1 ball and box with a sort, as Croce & Hein's code does it: bisecting nothing, sorting the kinks.
at::Tensor l1_sorted(const at::Tensor& d, const at::Tensor& x, double radius) {
  const at::Tensor size = d.flatten(1).abs();
  const at::Tensor room = at::where(d.gt(0), 1 - x, x).flatten(1);
  // The shifts at which an element begins to move and at which it is gone, and how the sum's slope changes there.
  const at::Tensor kinks = at::cat({size, size.sub(room).clamp_min(0)}, 1);
  const at::Tensor slopes = at::cat({at::full_like(size, -1), at::full_like(size, 1)}, 1);
  const auto [sorted, order] = kinks.sort(1, /*descending=*/true);
  const at::Tensor slope = slopes.gather(1, order).cumsum(1).neg_();  // elements that move below each kink
  const at::Tensor gaps = sorted.slice(1, 0, -1).sub(sorted.slice(1, 1));
  const at::Tensor sums = gaps.mul(slope.slice(1, 0, -1)).cumsum(1);
  const at::Tensor above = sums.lt(radius).sum(1, true).clamp_max_(sums.size(1) - 1);
  const at::Tensor left = sums.gather(1, above).sub(radius).clamp_min_(0);
  const at::Tensor shift = sorted.gather(1, above + 1) + left / slope.gather(1, above).clamp_min(1);
  return size.sub(shift).clamp_min(0).minimum(room).view_as(d).mul(d.sign());
}

// A step by operations: what an attack does where no kernel is.
template <class Ball>
at::Tensor by_operations(const Ball& ball, const problem& p, double length) {
  const redoubt::step_view now{
      .x = p.x, .point = p.point, .gradient = p.gradient, .length = length, .box = {}, .step = 1, .steps = 3};
  return redoubt::constrained_point(ball, redoubt::constant_step{}.next(ball, now), p.x, {});
}

at::Tensor by_operations(const redoubt::linf& ball, const problem& p, double length) {
  const at::Tensor moved = p.point.add(p.gradient.sign().mul(length));
  const at::Tensor d = moved.sub(p.x).clamp(-ball.radius.number(), ball.radius.number());
  return p.x.add(d).clamp(0, 1);
}

at::Tensor by_operations(const redoubt::l1& ball, const problem& p, double length) {
  const at::Tensor d = ball.steepest_from(p.gradient, p.point, {}, 0.5).mul_(length).add_(p.point).sub_(p.x);
  return p.x.add(l1_sorted(d, p.x, ball.radius.number())).clamp(0, 1);
}

// Times the kernel, a copy of `bytes` and the operations in turn.
template <class Kernel, class Operations>
void compare(benchmark::State& state, double bytes, const at::Tensor& like, const Kernel& kernel,
             const Operations& operations) {
  const at::Tensor from = at::empty({static_cast<std::int64_t>(bytes / 2)}, like.options().dtype(at::kByte));
  at::Tensor to = at::empty_like(from);
  const auto copy = [&] { to.copy_(from); };
  for (int i = 0; i < 3; ++i) {
    kernel();
    copy();
    operations();
  }
  std::vector<double> of_copy;
  std::vector<double> times;
  for ([[maybe_unused]] auto _ : state) {
    const double own = device_seconds(runs, kernel);
    of_copy.push_back(device_seconds(runs, copy) / own);
    times.push_back(device_seconds(2, operations) / own);
    state.SetIterationTime(own);
  }
  state.counters["of_copy"] = median(of_copy);
  state.counters["times_operations"] = median(times);
  state.counters["GB_per_s"] = benchmark::Counter(bytes / 1e9, benchmark::Counter::kIsIterationInvariantRate);
}

template <class Ball>
void step(benchmark::State& state, Ball ball, double length, at::ScalarType type) {
  problem p{state, type};
  const auto kernel = [&] {
    if (!ball.step_(p.point, p.gradient, p.x, length, {}, 0.5)) {
      throw std::logic_error("no kernel took the step");
    }
  };
  const auto operations = [&] { benchmark::DoNotOptimize(by_operations(ball, p, length)); };
  // x and point read, point written, and the gradient in its own type.
  compare(state, static_cast<double>(3 * p.x.nbytes() + p.gradient.nbytes()), p.x, kernel, operations);
}

// A step along momentum, which takes the gradient in: by its kernel, and gathered and stepped by operations.
template <class Ball>
void momentum_step(benchmark::State& state, Ball ball, double length) {
  problem p{state, at::kFloat};
  at::Tensor gathered;
  at::Tensor operated = at::zeros_like(p.x);
  const auto kernel = [&] {
    if (!ball.step_gathering_(p.point, gathered, 1, p.gradient, p.x, length, {}, 0.5)) {
      throw std::logic_error("no kernel took the step");
    }
  };
  const auto operations = [&] {
    const at::Tensor size = p.gradient.flatten(1).abs().sum(1);
    operated = operated.add(p.gradient.div(redoubt::per_sample(size, p.gradient)));
    benchmark::DoNotOptimize(by_operations(ball, {p.x, operated, p.point}, length));
  };
  // x, point, gradient and what is gathered read, point and what is gathered written.
  compare(state, static_cast<double>(6 * p.x.nbytes()), p.x, kernel, operations);
}

void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"N", "C", "HW"});
  b->Args({256, 1, 28})->Args({256, 3, 32})->Args({5600, 3, 32})->Args({32, 3, 224})->Args({128, 3, 224});
  b->UseManualTime()->Iterations(15)->Unit(benchmark::kMicrosecond);
}

BENCHMARK_CAPTURE(step, linf, redoubt::linf{8.0 / 255}, 2.0 / 255, at::kFloat)->Apply(shapes);
BENCHMARK_CAPTURE(step, linf_half, redoubt::linf{8.0 / 255}, 2.0 / 255, at::kHalf)->Apply(shapes);
BENCHMARK_CAPTURE(step, linf_bfloat16, redoubt::linf{8.0 / 255}, 2.0 / 255, at::kBFloat16)->Apply(shapes);
BENCHMARK_CAPTURE(step, l2, redoubt::l2{1.0}, 0.25, at::kFloat)->Apply(shapes);
BENCHMARK_CAPTURE(step, l1, redoubt::l1{12.0}, 6.0, at::kFloat)->Apply(shapes);
BENCHMARK_CAPTURE(step, l0, redoubt::l0{20.0}, 8.0, at::kFloat)->Apply(shapes);
BENCHMARK_CAPTURE(momentum_step, linf, redoubt::linf{8.0 / 255}, 2.0 / 255)->Apply(shapes);
BENCHMARK_CAPTURE(momentum_step, l2, redoubt::l2{1.0}, 0.25)->Apply(shapes);

}  // namespace

int main(int argc, char** argv) {
  return run_on_device(argc, argv);
}

// The kernels, as they are, on an emulated device (emulated/device.hpp), beside the host's steps. No device is needed.

#include <redoubt/norm/detail/device_step.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>
#include <redoubt/norm/l0.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <vector>

#include "../norm/steps.hpp"
#include "emulated/device.hpp"

#include <redoubt/cuda/detail/balls.cuh>
#include <redoubt/cuda/detail/step_by_sample.cuh>
#include <redoubt/cuda/detail/step_linf.cuh>

using redoubt::box;
using redoubt::extent;
using redoubt::testing::first_rows;
using redoubt::testing::step_problem;
namespace kernels = redoubt::cuda::detail;

namespace {

// A step as a device is told of it, and what keeps its memory.
struct told_step {
  redoubt::detail::device_step s;
  std::vector<at::Tensor> kept;

  told_step(at::Tensor& point, const at::Tensor& gradient, const at::Tensor& x, const extent& radius,
            const extent& length, const box& bounds) {
    s.samples = x.size(0);
    s.size = x.numel() / x.size(0);
    s.per_channel = s.size / x.size(1);
    s.to = point.data_ptr<float>();
    s.from = s.to;
    s.x = x.data_ptr<float>();
    s.gradient = gradient.data_ptr();
    s.type = gradient.scalar_type() == at::kHalf       ? redoubt::detail::device_gradient::float16
             : gradient.scalar_type() == at::kBFloat16 ? redoubt::detail::device_gradient::bfloat16
                                                       : redoubt::detail::device_gradient::float32;
    kept = {at::empty({3, x.numel()})};
    s.scratch = kept[0].data_ptr<float>();
    s.length = number(length.is_per_sample() ? length.broadcast_over(x) : at::full({}, length.number()));
    s.radius = number(radius.is_per_sample() ? radius.broadcast_over(x) : at::full({}, radius.number()));
    s.lower = number(bounds.lower.broadcast_over(x));
    s.upper = number(bounds.upper.broadcast_over(x));
  }

  redoubt::detail::device_number number(const at::Tensor& value) {
    if (value.dim() == 0) {
      return {.each = nullptr, .number = value.item<float>()};
    }
    kept.push_back(value.flatten().contiguous());
    return {.each = kept.back().data_ptr<float>(), .number = 0};
  }
};

template <class Step>
void run_on(const redoubt::detail::device_step& s, bool in_memory, bool backwards) {
  const auto blocks = static_cast<unsigned>(s.samples);
  if (in_memory) {
    redoubt::testing::launch(blocks, 64, backwards, [&] { kernels::step_in_memory<Step, 64>(s); });
  } else {
    REQUIRE(s.size <= 64 * 8);
    redoubt::testing::launch(blocks, 64, backwards, [&] { kernels::step_in_registers<Step, 64, 8>(s); });
  }
}

struct numbers {
  extent radius, length;
  box bounds;

  // Of all kinds: one for all, one for each sample; a box by channel.
  static numbers of(int kind, const at::Tensor& x, double radius, double length) {
    const auto each = [&](double scale, std::uint64_t seed) {
      return redoubt::uniform_like(at::empty({x.size(0)}), first_rows(x.size(0)), {.seed = seed}).mul_(scale);
    };
    return {kind % 2 == 0 ? extent{radius} : extent{each(radius, 1)},
            kind % 3 == 0 ? extent{length} : extent{each(length, 2)},
            kind % 2 == 0 ? box{} : box{at::linspace(-0.2, 0, x.size(1)), 1.0}};
  }
};

template <class Step, class BallOf>
void check_beside_the_host(const BallOf& ball_of, double radius, double length) {
  int kind = 0;
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{3, 1, 4, 4}, {2, 3, 5, 5}, {1, 2, 16, 16}, {4, 1, 1, 1}, {2, 3, 11, 13}}) {
    for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
      CAPTURE(shape);
      CAPTURE(kind);
      const step_problem p{shape, static_cast<std::uint64_t>(kind)};
      const at::Tensor gradient = p.gradient.to(type);
      const numbers n = numbers::of(kind, p.x, radius, length);
      const auto ball = ball_of(n.radius);
      at::Tensor expected = p.point.clone();
      REQUIRE(ball.step_(expected, gradient.to(at::kFloat), p.x, n.length, n.bounds, 0.5));
      for (const bool in_memory : {false, true}) {
        at::Tensor point = p.point.clone();
        told_step told{point, gradient, p.x, n.radius, n.length, n.bounds};
        told.s.most = std::ceil(0.045 * static_cast<double>(told.s.size));
        run_on<Step>(told.s, in_memory, kind % 2 == 1);
        CHECK(at::allclose(point, expected, 0, 2e-6));
      }
      ++kind;
    }
  }
}

}  // namespace

TEST_CASE("cuda: the l2 step's kernels do what the host does") {
  check_beside_the_host<kernels::l2_step>([](const extent& radius) { return redoubt::l2{radius}; }, 1.5, 1);
}

TEST_CASE("cuda: the l1 step's kernels do what the host does") {
  check_beside_the_host<kernels::l1_step>([](const extent& radius) { return redoubt::l1{radius}; }, 4, 3);
}

TEST_CASE("cuda: the l0 step's kernels do what the host does") {
  check_beside_the_host<kernels::l0_step>([](const extent& radius) { return redoubt::l0{radius}; }, 20, 1);
}

TEST_CASE("cuda: the linf step's kernels give the host's bits") {
  for (int kind = 0; kind < 12; ++kind) {
    CAPTURE(kind);
    const step_problem p{{3, 2, 6, kind % 4 == 0 ? 6 : 5}, static_cast<std::uint64_t>(kind)};
    for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
      const at::Tensor gradient = p.gradient.to(type);
      const numbers n = numbers::of(kind, p.x, 0.1, 0.03);
      at::Tensor expected = p.point.clone();
      REQUIRE(redoubt::linf{n.radius}.step_(expected, gradient.to(at::kFloat), p.x, n.length, n.bounds, 0));
      at::Tensor point = p.point.clone();
      const told_step told{point, gradient, p.x, n.radius, n.length, n.bounds};
      redoubt::testing::launch(2, 32, false, [&] { kernels::step_each<kernels::linf_step>(told.s); });
      CHECK(at::equal(point, expected));
      if (kind % 12 == 0) {  // the same numbers for all, and fours
        point.copy_(p.point);
        redoubt::testing::launch(2, 32, false, [&] { kernels::step_fours<kernels::linf_step>(told.s); });
        CHECK(at::equal(point, expected));
      }
    }
  }
}

TEST_CASE("cuda: the emulated device would show a block whose threads part") {
  CHECK_THROWS_AS(redoubt::testing::launch(1, 32, false,
                                           [] {
                                             if (threadIdx.x < 16) {
                                               __syncthreads();
                                             }
                                           }),
                  std::logic_error);
}

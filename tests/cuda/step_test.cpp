// The kernels, as they are, on an emulated device (emulated/device.hpp), beside the host's steps. No device is needed.

#include <redoubt/norm/detail/step_on_device.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>
#include <redoubt/norm/detail/ball_steps.hpp>
#include <redoubt/norm/detail/step_layout.hpp>
#include <redoubt/norm/l0.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <vector>

#include "../norm/steps.hpp"
#include "emulated/device.hpp"

#include <redoubt/cuda/detail/step_by_sample.cuh>
#include <redoubt/cuda/detail/step_linf.cuh>

using redoubt::box;
using redoubt::extent;
using redoubt::testing::first_rows;
using redoubt::testing::step_problem;
namespace kernels = redoubt::cuda::detail;

namespace {

template <class Ball>
void run_on(const redoubt::detail::device_step& s, const Ball& ball, bool in_memory, bool backwards) {
  const auto blocks = static_cast<unsigned>(s.samples);
  if (in_memory) {
    redoubt::testing::launch(blocks, 64, backwards, [&] { kernels::step_in_memory<Ball, 64>(s, ball); });
  } else {
    REQUIRE(s.size <= 64 * 8);
    redoubt::testing::launch(blocks, 64, backwards, [&] { kernels::step_in_registers<Ball, 64, 8>(s, ball); });
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

// What a device would be told of a step in the point's own memory.
struct told {
  redoubt::detail::step_request asked;
  redoubt::detail::told_step bridge;
  const redoubt::detail::device_step& step = bridge.step;

  told(at::Tensor& point, const at::Tensor& gradient, const at::Tensor& x, const numbers& n)
      : asked{point, gradient, x, n.radius, n.length, n.bounds},
        bridge{redoubt::detail::step_tensors::of(asked, {.by_sample = true, .in_order = true}), asked} {
    REQUIRE(step.to == point.data_ptr<float>());
  }
};

template <class BallOf, class StepOf>
void check_beside_the_host(const BallOf& ball_of, const StepOf& step_of, double radius, double length) {
  int kind = 0;
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{3, 1, 4, 4}, {2, 3, 5, 5}, {1, 2, 16, 16}, {4, 1, 1, 1}, {2, 3, 11, 13}}) {
    for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
      CAPTURE(shape);
      CAPTURE(kind);
      const step_problem p{shape, static_cast<std::uint64_t>(kind)};
      const at::Tensor gradient = p.gradient.to(type);
      const numbers n = numbers::of(kind, p.x, radius, length);
      at::Tensor expected = p.point.clone();
      REQUIRE(ball_of(n.radius).step_(expected, gradient.to(at::kFloat), p.x, n.length, n.bounds, 0.5));
      for (const bool in_memory : {false, true}) {
        for (const bool fours : {false, p.x.numel() / p.x.size(0) % 4 == 0}) {
          at::Tensor point = p.point.clone();
          const told here{point, gradient, p.x, n};
          redoubt::detail::device_step step = here.step;
          step.fours = fours;
          const at::Tensor scratch = at::full({3 * step.samples * (step.size + 256)}, NAN);
          step.scratch = scratch.data_ptr<float>();
          run_on(step, step_of(step.size), in_memory, kind % 2 == 1);
          CHECK(at::allclose(point, expected, 0, 2e-6));
        }
      }
      ++kind;
    }
  }
}

}  // namespace

TEST_CASE("cuda: the l2 step's kernels do what the host does") {
  check_beside_the_host([](const extent& radius) { return redoubt::l2{radius}; },
                        [](std::int64_t) { return redoubt::detail::l2_step{}; }, 1.5, 1);
}

TEST_CASE("cuda: the l1 step's kernels do what the host does") {
  const auto step_of = [](std::int64_t size) {
    return redoubt::detail::l1_step{std::ceil(0.045 * static_cast<double>(size))};
  };
  check_beside_the_host([](const extent& radius) { return redoubt::l1{radius}; }, step_of, 4, 3);
}

TEST_CASE("cuda: the l0 step's kernels do what the host does") {
  check_beside_the_host([](const extent& radius) { return redoubt::l0{radius}; },
                        [](std::int64_t) { return redoubt::detail::l0_step{}; }, 20, 1);
}

TEST_CASE("cuda: samples too large for registers have memory of their own") {
  const step_problem p{{3, 3, 40, 41}, 7};
  const redoubt::l2 ball{2.0};
  const numbers n{ball.radius, 1.0, {}};
  at::Tensor expected = p.point.clone();
  REQUIRE(ball.step_(expected, p.gradient, p.x, n.length, n.bounds, 0.5));
  at::Tensor point = p.point.clone();
  const told here{point, p.gradient, p.x, n};
  REQUIRE(here.step.scratch != nullptr);
  constexpr int threads = redoubt::detail::device_round / 4;
  redoubt::testing::launch(3, threads, false, [&] {
    kernels::step_in_memory<redoubt::detail::l2_step, threads>(here.step, redoubt::detail::l2_step{});
  });
  CHECK(at::allclose(point, expected, 0, 2e-6));
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
      const told here{point, gradient, p.x, n};
      redoubt::testing::launch(2, 32, false, [&] { kernels::step_each<kernels::linf_step>(here.step); });
      CHECK(at::equal(point, expected));
      if (kind % 12 == 0) {  // the same numbers for all, and fours
        point.copy_(p.point);
        redoubt::testing::launch(2, 32, false, [&] { kernels::step_fours<kernels::linf_step>(here.step); });
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

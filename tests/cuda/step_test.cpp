// The kernels, as they are, on an emulated device (emulated/device.hpp), beside the host's steps. No device is needed.

#include <redoubt/norm/detail/step_on_device.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>
#include <redoubt/attack/momentum.hpp>
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

#include <redoubt/cuda/detail/held.cuh>
#include <redoubt/cuda/detail/step_by_sample.cuh>
#include <redoubt/cuda/detail/step_linf.cuh>
#include <redoubt/cuda/detail/teams.cuh>

using redoubt::box;
using redoubt::extent;
using redoubt::testing::first_rows;
using redoubt::testing::step_problem;
namespace kernels = redoubt::cuda::detail;

namespace {

// A way through the kernels: how a sample's elements are held, and by how many blocks.
enum class way { warp, block, shared, shared_by_three, memory, memory_by_three };
constexpr way ways[] = {way::warp, way::block, way::shared, way::shared_by_three, way::memory, way::memory_by_three};

template <class Team, template <class> class Held, class Ball>
void run_team(const redoubt::detail::device_step& s, const Ball& ball, unsigned cluster, std::size_t shared,
              bool backwards) {
  const auto blocks = static_cast<unsigned>(s.samples) * cluster;
  redoubt::testing::launch({.blocks = blocks,
                            .threads = Team::threads,
                            .cluster = cluster,
                            .shared = sizeof(typename Team::shared) + shared,
                            .backwards = backwards},
                           [&] { kernels::step_by_sample<Ball, Team, Held<Team>>(s, ball); });
}

template <class Team>
using nine_fours = kernels::in_registers<Team, 36>;

template <class Ball>
void run_on(const redoubt::detail::device_step& s, const Ball& ball, way by, bool backwards) {
  using team = kernels::cluster_team<64>;
  const unsigned cluster = by == way::shared_by_three || by == way::memory_by_three ? 3 : 1;
  const auto at_once = 4 * team::threads * std::int64_t{cluster};
  const auto rounds = static_cast<std::size_t>((s.size + at_once - 1) / at_once);
  switch (by) {
    case way::warp: {
      using warps = kernels::warp_team<64>;
      REQUIRE(s.size <= 32 * 36);
      redoubt::testing::launch(
          {.blocks = static_cast<unsigned>(s.samples + 1) / 2, .threads = 64, .backwards = backwards},
          [&] { kernels::step_by_sample<Ball, warps, nine_fours<warps>>(s, ball); });
      return;
    }
    case way::block:
      return run_team<kernels::block_team<64>, nine_fours>(s, ball, 1, 0, backwards);
    case way::shared:
    case way::shared_by_three:
      return run_team<team, kernels::in_shared>(s, ball, cluster, rounds * team::threads * 32, backwards);
    default:
      return run_team<team, kernels::in_memory>(s, ball, cluster, 0, backwards);
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

// What has been gathered is about as large as what comes: gradients in units of their l1 norms.
at::Tensor gathered_before(const step_problem& p, const at::Tensor& gradient) {
  redoubt::momentum rule;
  rule.gather(gradient.to(at::kFloat).flip(0).add(p.x.mul(0.1)));
  return rule.gathered;
}

template <class BallOf, class StepOf>
void check_beside_the_host(const BallOf& ball_of, const StepOf& step_of, double radius, double length) {
  int kind = 0;
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{3, 1, 4, 4}, {2, 3, 5, 5}, {1, 2, 16, 16}, {3, 1, 1, 1}, {1, 3, 11, 13}}) {
    for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
      CAPTURE(shape);
      CAPTURE(kind);
      const step_problem p{shape, static_cast<std::uint64_t>(kind)};
      const at::Tensor gradient = p.gradient.to(type);
      const numbers n = numbers::of(kind, p.x, radius, length);
      const bool gathers = kind % 4 >= 2;
      CAPTURE(gathers);
      redoubt::momentum rule{.decay = 0.9, .gathered = gathered_before(p, gradient)};
      const at::Tensor before = rule.gathered;
      rule.gather(gradient.to(at::kFloat));
      at::Tensor expected = p.point.clone();
      REQUIRE(ball_of(n.radius).step_(expected, gathers ? rule.gathered : gradient.to(at::kFloat), p.x, n.length,
                                      n.bounds, 0.5));
      for (const way by : ways) {
        CAPTURE(by);
        at::Tensor point = p.point.clone();
        const told here{point, gradient, p.x, n};
        redoubt::detail::device_step step = here.step;
        step.fours = kind % 2 == 0 && step.size % 4 == 0;
        const at::Tensor scratch = at::full({2 * step.samples * (step.size + 768)}, NAN);
        step.scratch = scratch.data_ptr<float>();
        const at::Tensor gathered = before.clone();
        step.gathered = gathers ? gathered.data_ptr<float>() : nullptr;
        step.decay = 0.9F;
        run_on(step, step_of(step.size), by, kind % 2 == 1);
        CHECK(at::allclose(point, expected, 0, 2e-6));
        CHECK(at::allclose(gathered, gathers ? rule.gathered : before, 1e-6, 1e-7));
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

TEST_CASE("cuda: the linf step with momentum does what the host does") {
  check_beside_the_host([](const extent& radius) { return redoubt::linf{radius}; },
                        [](std::int64_t) { return redoubt::detail::linf_sample_step{}; }, 0.1, 0.03);
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
      redoubt::testing::launch({.blocks = 2}, [&] { kernels::step_each<kernels::linf_step>(here.step); });
      CHECK(at::equal(point, expected));
      if (kind % 12 == 0) {  // the same numbers for all, and fours
        point.copy_(p.point);
        redoubt::testing::launch({.blocks = 2}, [&] { kernels::step_fours<kernels::linf_step>(here.step); });
        CHECK(at::equal(point, expected));
      }
    }
  }
}

TEST_CASE("cuda: the emulated device would show threads that part, and memory that is not a block's") {
  using redoubt::testing::launch;
  CHECK_THROWS_AS(launch({},
                         [] {
                           if (threadIdx.x < 16) {
                             __syncthreads();
                           }
                         }),
                  std::logic_error);
  CHECK_THROWS_AS(launch({.blocks = 2, .cluster = 2},
                         [] {
                           if (blockIdx.x == 0) {
                             kernels::wait_for_cluster();
                           }
                         }),
                  std::logic_error);
  int elsewhere = 0;
  CHECK_THROWS_AS(
      launch({.blocks = 2, .threads = 1, .cluster = 2, .shared = 64}, [&] { *kernels::in_block(&elsewhere, 1) = 1; }),
      std::logic_error);
}

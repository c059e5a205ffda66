// A device's steps beside the host's, through the balls: what a user's attack takes.

#include <ATen/ATen.h>
#include <ATen/cuda/CUDAContext.h>
#include <doctest/doctest.h>

#include <redoubt/attack/momentum.hpp>
#include <redoubt/norm/l0.hpp>
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <vector>

#include "../norm/steps.hpp"

using redoubt::box;
using redoubt::extent;
using redoubt::testing::step_problem;

namespace {

// Shapes of every way through the kernels: odd and even sizes, one element, a warp's, a block's registers of both
// kinds, shared memory of a block and of clusters, the device's memory.
const std::vector<std::vector<std::int64_t>> shapes = {
    {3, 1, 4, 4},   {2, 3, 5, 5},   {7, 1, 1, 1},     {64, 1, 28, 28},  {33, 3, 32, 32},   {5, 3, 33, 33},
    {2, 3, 64, 64}, {2, 3, 96, 96}, {3, 3, 127, 127}, {2, 3, 224, 224}, {2, 1, 1000, 1000}};

template <class BallOf>
void check(const BallOf& ball_of, double radius, double length, double tolerance) {
  std::uint64_t seed = 1;
  for (const auto& shape : shapes) {
    for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
      for (const bool each : {false, true}) {
        CAPTURE(shape);
        CAPTURE(type);
        CAPTURE(each);
        const step_problem p{shape, ++seed};
        const at::Tensor gradient = p.gradient.to(type);
        const auto numbers = [&](double scale) {
          return each ? extent{redoubt::testing::uniform({shape[0]}, seed).mul_(scale)} : extent{scale};
        };
        const box bounds = each ? box{at::linspace(-0.2, 0, shape[1]), 1.0} : box{};
        at::Tensor expected = p.point.clone();
        REQUIRE(ball_of(numbers(radius)).step_(expected, gradient.to(at::kFloat), p.x, numbers(length), bounds, 0.5));
        at::Tensor point = p.point.cuda();
        const void* const memory = point.data_ptr();
        REQUIRE(ball_of(numbers(radius)).step_(point, gradient.cuda(), p.x.cuda(), numbers(length), bounds, 0.5));
        CHECK(point.data_ptr() == memory);
        CHECK(at::allclose(point.cpu(), expected, 0, tolerance));
      }
    }
  }
}

}  // namespace

TEST_CASE("gpu: the linf step has the host's bits") {
  check([](const extent& radius) { return redoubt::linf{radius}; }, 0.1, 0.03, 0);
}

TEST_CASE("gpu: the l2, l1 and l0 steps end where the host's end") {
  check([](const extent& radius) { return redoubt::l2{radius}; }, 1.5, 1, 2e-6);
  check([](const extent& radius) { return redoubt::l1{radius}; }, 4, 3, 2e-6);
  check([](const extent& radius) { return redoubt::l0{radius}; }, 20, 1, 2e-6);
}

TEST_CASE("gpu: many large samples end where the host's end") {
  const step_problem p{{150, 3, 224, 224}, 9};
  const redoubt::l2 ball{1.5};
  at::Tensor expected = p.point.clone();
  REQUIRE(ball.step_(expected, p.gradient, p.x, 1, {}, 0.5));
  at::Tensor point = p.point.cuda();
  REQUIRE(ball.step_(point, p.gradient.cuda(), p.x.cuda(), 1, {}, 0.5));
  CHECK(at::allclose(point.cpu(), expected, 0, 2e-6));
}

TEST_CASE("gpu: memory that is not aligned, and channels last, give the same") {
  const step_problem p{{8, 3, 32, 32}, 5};
  const redoubt::linf ball{0.1};
  at::Tensor expected = p.point.clone();
  REQUIRE(ball.step_(expected, p.gradient, p.x, 0.03, {}, 0.5));
  const auto shifted = [](const at::Tensor& t) {
    at::Tensor room = at::empty({t.numel() + 1}, t.options().device(at::kCUDA));
    return room.slice(0, 1).view(t.sizes()).copy_(t);
  };
  at::Tensor point = shifted(p.point);
  REQUIRE(ball.step_(point, shifted(p.gradient), shifted(p.x), 0.03, {}, 0.5));
  CHECK(at::equal(point.cpu(), expected));
  const auto last = [](const at::Tensor& t) { return t.cuda().contiguous(at::MemoryFormat::ChannelsLast); };
  point = last(p.point);
  REQUIRE(ball.step_(point, p.gradient.cuda(), last(p.x), 0.03, {}, 0.5));
  CHECK(point.is_contiguous(at::MemoryFormat::ChannelsLast));
  CHECK(at::equal(point.cpu(), expected));
}

TEST_CASE("gpu: momentum gathers what the host gathers, in its own memory") {
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
    CAPTURE(type);
    redoubt::momentum host{.decay = 0.9};
    redoubt::momentum device{.decay = 0.9};
    const void* memory = nullptr;
    for (std::uint64_t step = 0; step < 4; ++step) {
      const step_problem p{{5, 3, 40, 40}, 20 + step};
      const at::Tensor gradient = p.gradient.to(type);
      host.gather(gradient.to(at::kFloat));
      device.gather(step == 0 ? gradient.to(at::kFloat).cuda() : gradient.cuda());
      CHECK(at::allclose(device.gathered.cpu(), host.gathered, 1e-6, 1e-7));
      CHECK((step == 0 || device.gathered.data_ptr() == memory));
      memory = device.gathered.data_ptr();
    }
  }
}

TEST_CASE("gpu: a whole step with momentum ends where the host's ends, and gathers in its own memory") {
  const auto check_momentum = [](const auto& ball, double length) {
    for (const auto& shape : shapes) {
      CAPTURE(shape);
      redoubt::momentum host{.decay = 0.9};
      redoubt::momentum device{.decay = 0.9};
      const step_problem first{shape, 40};
      redoubt::step_view there{.x = first.x.cuda(), .point = first.point.cuda(), .length = length, .steps = 4};
      for (std::uint64_t step = 0; step < 3; ++step) {
        const step_problem p{shape, 40 + step};
        redoubt::step_view here{.x = first.x,
                                .point = there.point.cpu(),
                                .gradient = p.gradient,
                                .length = length,
                                .step = static_cast<int>(step),
                                .steps = 4};
        there.gradient = p.gradient.cuda();
        there.step = here.step;
        REQUIRE(host.move_(ball, here));
        const void* const memory = step == 0 ? nullptr : device.gathered.data_ptr();
        REQUIRE(device.move_(ball, there));
        CHECK((memory == nullptr || device.gathered.data_ptr() == memory));
        CHECK(at::allclose(device.gathered.cpu(), host.gathered, 1e-5, 1e-7));
        // Where what is gathered is zero to a rounding, its sign is not the host's.
        CHECK(there.point.cpu().sub(here.point).abs().gt(1e-5).sum().item<std::int64_t>() <=
              here.point.numel() / 10000);
      }
    }
  };
  check_momentum(redoubt::linf{0.1}, 0.03);
  check_momentum(redoubt::l2{1.5}, 1);
  check_momentum(redoubt::l1{4}, 3);
  check_momentum(redoubt::l0{20}, 1);
}

TEST_CASE("gpu: what no kernel takes is left alone, and the device stays usable") {
  const step_problem p{{4, 3, 8, 8}, 6};
  const redoubt::l2 ball{1.0};
  at::Tensor point = p.point.to(at::kDouble).cuda();
  CHECK_FALSE(ball.step_(point, p.gradient.to(at::kDouble).cuda(), p.x.to(at::kDouble).cuda(), 0.1, {}, 0.5));
  point = p.point.cuda();
  CHECK_FALSE(ball.step_(point, p.gradient, p.x.cuda(), 0.1, {}, 0.5));
  at::Tensor none = at::empty({0, 3, 8, 8}, p.x.options().device(at::kCUDA));
  CHECK_FALSE(ball.step_(none, none, none, 0.1, {}, 0.5));
  CHECK(ball.step_(point, p.gradient.cuda(), p.x.cuda(), 0.1, {}, 0.5));
  CHECK(at::isfinite(point).all().item<bool>());
}

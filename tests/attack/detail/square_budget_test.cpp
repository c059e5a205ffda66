#include <redoubt/attack/detail/square_budget.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>

#include "../../models.hpp"

using redoubt::detail::absolute_sum;
using redoubt::detail::square_budget;
using redoubt::detail::square_sum;
using redoubt::detail::window_bumps;
using redoubt::detail::window_size;
using redoubt::testing::first_rows;
using redoubt::testing::largest;
using redoubt::testing::uniform;

namespace {

template <class Sum>
square_budget<Sum> moves_of(const at::Tensor& x, double radius, double room = 0) {
  const at::Tensor one = x.narrow(0, 0, 1);
  return {at::full({x.size(0)}, radius, x.options()), at::full_like(one, -room), at::full_like(one, 1 + room)};
}

template <class Sum>
at::Tensor length(const at::Tensor& d) {
  return Sum::lengths(Sum::parts(d.to(at::kDouble)).flatten(1).sum(1));
}

/// Calls `check` for both kinds of length.
template <class Check>
void with_each_sum(const Check& check) {
  check(square_sum{});
  check(absolute_sum{});
}

}  // namespace

TEST_CASE("square: a window's bumps are of length 1, opposite, and fall off from their middles") {
  with_each_sum([](const auto& sum) {
    using sum_t = std::remove_cvref_t<decltype(sum)>;
    for (const auto& window : {std::array<std::int64_t, 2>{5, 5}, {3, 7}, {1, 4}, {1, 1}, {6, 2}}) {
      const auto& [height, width] = window;
      CAPTURE(window[0]);
      CAPTURE(window[1]);
      const at::Tensor bumps = window_bumps<sum_t>({height, width}, at::empty({1}, at::kDouble));
      CHECK(largest(length<sum_t>(bumps).sub(1)) < 1e-12);
      const std::int64_t middle = height / 2;
      CHECK(bumps[0].narrow(0, 0, middle).gt(0).all().template item<bool>());
      CHECK(bumps[0].narrow(0, middle, height - middle).lt(0).all().template item<bool>());
      const std::int64_t across = width / 2;
      CHECK(bumps[1].narrow(1, 0, across).gt(0).all().template item<bool>());
      CHECK(bumps[1].narrow(1, across, width - across).lt(0).all().template item<bool>());
    }
  });
  // By hand: halves of 1 x 3 and 2 x 3, peaks 1 + 1/4 in their middles and 1/4 beside them.
  const at::Tensor bump = window_bumps<square_sum>({3, 3}, at::empty({1}, at::kDouble))[0];
  const double upper = std::sqrt(2 * (1.25 * 1.25 + 2 * 0.0625));
  const double lower = std::sqrt(2 * (1.25 * 1.25 + 5 * 0.0625));
  const at::Tensor expected = at::tensor({0.25 / upper, 1.25 / upper, 0.25 / upper, -0.25 / lower, -0.25 / lower,
                                          -0.25 / lower, -0.25 / lower, -1.25 / lower, -0.25 / lower})
                                  .view({3, 3});
  CHECK(largest(bump.sub(expected)) < 1e-12);
}

TEST_CASE("square over l2 and l1: the start has the radius' length, and a proposal without walls keeps it") {
  with_each_sum([](const auto& sum) {
    using sum_t = std::remove_cvref_t<decltype(sum)>;
    for (const auto& shape : {std::array<std::int64_t, 3>{1, 28, 28}, {3, 9, 12}, {2, 1, 30}, {1, 1, 1}, {3, 1, 1}}) {
      const at::Tensor x = uniform({25, shape[0], shape[1], shape[2]}, 1).to(at::kDouble);
      const auto moves = moves_of<sum_t>(x, 2, 100);
      at::Tensor best = moves.start(x, first_rows(25), {.seed = 2});
      CHECK(largest(length<sum_t>(best.sub(x)).sub(2)) < 1e-9);
      for (std::uint32_t step = 1; step < 40; ++step) {
        const double share = 0.4 / step;
        const auto size = window_size::odd_of(share, shape[1], shape[2]);
        const at::Tensor next = moves.propose(x, best, first_rows(25), {.seed = 2, .step = step}, share);
        CHECK(largest(length<sum_t>(next.sub(x)).sub(2)) < 1e-9);
        CHECK(next.ne(best).any(1).flatten(1).sum(1).max().template item<std::int64_t>() <=
              2 * size.height * size.width);
        best = next;
      }
    }
  });
}

TEST_CASE("square over l2 and l1: with walls proposals stay within them, and in the ball") {
  with_each_sum([](const auto& sum) {
    using sum_t = std::remove_cvref_t<decltype(sum)>;
    const at::Tensor x = uniform({25, 2, 10, 10}, 1);
    const auto moves = moves_of<sum_t>(x, 3);
    at::Tensor best = moves.start(x, first_rows(25), {.seed = 2});
    for (std::uint32_t step = 1; step < 60; ++step) {
      best = moves.propose(x, best, first_rows(25), {.seed = 2, .step = step}, 0.4 / step);
      CHECK(best.ge(0).logical_and(best.le(1)).all().template item<bool>());
      CHECK(length<sum_t>(best.sub(x)).max().template item<double>() < 3 * (1 + 1e-6));
    }
  });
}

TEST_CASE("square over l2 and l1: proposals as tensor operations are those of the loops over rows") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  with_each_sum([&](const auto& sum) {
    using sum_t = std::remove_cvref_t<decltype(sum)>;
    for (const double gain : {1.0, 2.0}) {
      const at::Tensor x = uniform({30, 2, 7, 9}, seed).to(at::kDouble);
      auto moves = moves_of<sum_t>(x, 2.5);
      moves.gain = gain;
      at::Tensor best = moves.start(x, first_rows(30), {.seed = seed});
      for (std::uint32_t step = 1; step < 60; ++step) {
        const double share = 0.5 / step;
        const redoubt::draw where{.seed = seed, .step = step};
        const at::Tensor u = redoubt::uniform_like(at::empty({30, 7}), first_rows(30), where);
        const at::Tensor next = moves.propose(x, best, first_rows(30), where, share);
        const at::Tensor again = moves.by_tensor(x, best, u, window_size::odd_of(share, 7, 9));
        CHECK(largest(next.sub(again)) < 1e-12);
        // What is at rest is at rest bit by bit.
        CHECK(at::equal(next.eq(x), again.eq(x)));
        best = next;
      }
    }
  });
}

TEST_CASE("square over l2 and l1: a bump that its window cancels stands alone") {
  const at::Tensor x = at::full({1, 1, 3, 3}, 0.5, at::kDouble);
  with_each_sum([&](const auto& sum) {
    using sum_t = std::remove_cvref_t<decltype(sum)>;
    const auto moves = moves_of<sum_t>(x, 0.5);
    const at::Tensor bumps = window_bumps<sum_t>({3, 3}, x);
    for (std::uint32_t step = 1; step < 20; ++step) {
      for (const double sign : {-0.5, 0.5}) {
        for (const std::int64_t which : {0, 1}) {
          const at::Tensor best = x.add(bumps[which], sign);
          const at::Tensor next = moves.propose(x, best, first_rows(1), {.step = step}, 1);
          CHECK(next.isfinite().all().template item<bool>());
          CHECK(length<sum_t>(next.sub(x)).template item<double>() == doctest::Approx(0.5));
        }
      }
    }
  });
}

#include <redoubt/attack/detail/square_linf.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include "../../models.hpp"

using redoubt::linf;
using redoubt::detail::square_linf;
using redoubt::detail::window_size;
using redoubt::testing::first_rows;
using redoubt::testing::uniform;

namespace {

square_linf moves_of(const at::Tensor& x, double radius) {
  const at::Tensor one = x.narrow(0, 0, 1);
  return square_linf::make(linf{radius}, x, at::zeros_like(one), at::ones_like(one));
}

bool at_an_end(const square_linf& moves, const at::Tensor& points) {
  return points.eq(moves.low).logical_or(points.eq(moves.high)).all().item<bool>();
}

}  // namespace

TEST_CASE("square over linf: the start has columns at the ends of the ball") {
  const at::Tensor x = uniform({20, 3, 6, 8}, 1);
  const square_linf moves = moves_of(x, 0.1);
  const at::Tensor start = moves.start(x, first_rows(20), {.seed = 1});
  CHECK(at_an_end(moves, start));
  const at::Tensor up = start.eq(moves.high);
  CHECK(at::equal(up, up.narrow(2, 0, 1).expand_as(up)));
  CHECK(up.to(at::kFloat).mean().item<double>() == doctest::Approx(0.5).epsilon(0.2));
}

TEST_CASE(
    "square over linf: a proposal sets one window of each image, each channel to one end, and changes something") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  for (const std::int64_t channels : {1, 3}) {
    const at::Tensor x = uniform({40, channels, 9, 7}, seed);
    const square_linf moves = moves_of(x, 0.1);
    at::Tensor best = moves.start(x, first_rows(40), {.seed = seed});
    for (std::uint32_t step = 1; step < 60; ++step) {
      const double share = step < 30 ? 0.3 : 0.01;
      const auto size = window_size::of(share, 9, 7);
      const at::Tensor next = moves.propose(x, best, first_rows(40), {.seed = seed, .step = step}, share);
      CHECK(at_an_end(moves, next));
      const at::Tensor changed = next.ne(best).any(1);
      CHECK(changed.flatten(1).any(1).all().item<bool>());
      const at::Tensor in_rows = changed.any(2).to(at::kLong);
      const at::Tensor in_columns = changed.any(1).to(at::kLong);
      const auto extent_of = [](const at::Tensor& flags) {
        const at::Tensor places = at::arange(flags.size(1)).expand_as(flags);
        return places.masked_fill(flags.eq(0), -1).amax(1).sub(places.masked_fill(flags.eq(0), 99).amin(1)).add(1);
      };
      CHECK(extent_of(in_rows).max().item<std::int64_t>() <= size.height);
      CHECK(extent_of(in_columns).max().item<std::int64_t>() <= size.width);
      best = next;
    }
  }
}

TEST_CASE("square over linf: proposals as tensor operations are those of the loops over rows, bit by bit") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const std::int64_t channels : {1, 2}) {
      const at::Tensor x = uniform({30, channels, 5, 8}, seed).to(type);
      const square_linf moves = moves_of(x, 0.2);
      at::Tensor best = moves.start(x, first_rows(30), {.seed = seed});
      for (std::uint32_t step = 1; step < 40; ++step) {
        const double share = 0.5 / step;
        const redoubt::draw where{.seed = seed, .step = step};
        const at::Tensor u = redoubt::uniform_like(at::empty({30, 3 + channels}), first_rows(30), where);
        const at::Tensor next = moves.propose(x, best, first_rows(30), where, share);
        CHECK(at::equal(next, moves.by_tensor(best, u, window_size::of(share, 5, 8))));
        best = next;
      }
    }
  }
}

TEST_CASE("square over linf: a radius of zero and a box without room propose what there is") {
  const at::Tensor x = uniform({4, 1, 3, 3}, 1);
  const square_linf moves = moves_of(x, 0);
  CHECK(at::equal(moves.propose(x, x, first_rows(4), {.step = 1}, .5), x));
}

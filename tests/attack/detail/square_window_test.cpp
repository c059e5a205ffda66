#include <redoubt/attack/detail/square_window.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "../../models.hpp"

using redoubt::detail::as_images;
using redoubt::detail::window_begin;
using redoubt::detail::window_mask;
using redoubt::detail::window_share;
using redoubt::detail::window_size;

TEST_CASE("square: the windows' share halves where the paper's schedule says, scaled to the budget") {
  // The paper's marks for 10,000 queries, written out anew.
  const std::vector<std::pair<std::int64_t, double>> paper{
      {0, 1},    {10, 1},    {11, 2},    {50, 2},    {51, 4},     {200, 4},    {201, 8},    {500, 8},
      {501, 16}, {1000, 16}, {1001, 32}, {2001, 64}, {4001, 128}, {6001, 256}, {8001, 512}, {9999, 512}};
  for (const auto& mark : paper) {
    const auto& [done, part] = mark;
    CAPTURE(mark.first);
    CHECK(window_share(.8, done, 10000) == .8 / part);
  }
  for (const std::int64_t total : {1, 7, 100, 5000}) {
    for (std::int64_t done = 0; done < total; ++done) {
      CHECK(window_share(.3, done, total) == window_share(.3, done * 10000 / total, 10000));
    }
  }
}

TEST_CASE("square: a window is the square of its share, and a rectangle of that area where the image is too low") {
  const auto sides = [](const window_size& size) { return std::array{size.height, size.width}; };
  CHECK(sides(window_size::of(.8, 28, 28)) == std::array<std::int64_t, 2>{25, 25});
  CHECK(sides(window_size::of(.8 / 512, 28, 28)) == std::array<std::int64_t, 2>{1, 1});
  CHECK(sides(window_size::of(.5, 1, 100)) == std::array<std::int64_t, 2>{1, 50});
  CHECK(sides(window_size::of(.5, 100, 1)) == std::array<std::int64_t, 2>{50, 1});
  CHECK(sides(window_size::of(.5, 4, 100)) == std::array<std::int64_t, 2>{4, 50});
  CHECK(sides(window_size::of(.8, 1, 1)) == std::array<std::int64_t, 2>{1, 1});
  CHECK(sides(window_size::of(1e-9, 3, 900)) == std::array<std::int64_t, 2>{1, 1});
  CHECK(sides(window_size::odd_of(.8 / 512, 28, 28)) == std::array<std::int64_t, 2>{3, 3});
  CHECK(sides(window_size::odd_of(.5, 28, 28)) == std::array<std::int64_t, 2>{21, 21});
  CHECK(sides(window_size::odd_of(1, 28, 28)) == std::array<std::int64_t, 2>{28, 28});
  CHECK(sides(window_size::odd_of(.1, 1, 100)) == std::array<std::int64_t, 2>{1, 11});
  CHECK(sides(window_size::odd_of(.1, 2, 2)) == std::array<std::int64_t, 2>{2, 2});
}

TEST_CASE("square: a window begins at each of its places equally often, the last one included") {
  // A library that draws from [0, length - size) never changes the last row and column of an image.
  const std::int64_t draws = 50000;
  const at::Tensor u = redoubt::testing::uniform({draws, 1}, 3).flatten();
  const at::Tensor begin = window_begin(u, 28, 24);
  const at::Tensor counts = begin.bincount();
  CHECK(counts.size(0) == 5);
  CHECK(counts.min().item<std::int64_t>() > draws / 5 - 600);
  CHECK(counts.max().item<std::int64_t>() < draws / 5 + 600);
  for (std::int64_t i = 0; i < 100; ++i) {
    CHECK(window_begin(u[i].item<float>(), 28, 24) == begin[i].item<std::int64_t>());
  }
  // The largest draw there is, times a length that float32 would round up.
  CHECK(window_begin(1 - 0x1p-24, 3, 1) == 2);
  CHECK(window_begin(at::full({1}, 1 - 0x1p-24, at::kFloat), 3, 1).item<std::int64_t>() == 2);
  CHECK(window_begin(1 - 0x1p-24, 7, 7) == 0);
}

TEST_CASE("square: a window's mask covers its rows and columns and nothing else") {
  const at::Tensor images = at::zeros({3, 2, 6, 9});
  const at::Tensor mask =
      window_mask(at::tensor({0, 2, 4}, at::kLong), at::tensor({0, 3, 5}, at::kLong), {2, 4}, images);
  at::Tensor expected = at::zeros({3, 1, 6, 9}, at::kBool);
  expected[0].slice(1, 0, 2).slice(2, 0, 4).fill_(true);
  expected[1].slice(1, 2, 4).slice(2, 3, 7).fill_(true);
  expected[2].slice(1, 4, 6).slice(2, 5, 9).fill_(true);
  CHECK(at::equal(mask, expected));
}

TEST_CASE("square: inputs of any rank are images, lines of one pixel's height included") {
  const auto shape = [](at::IntArrayRef from) { return as_images(at::zeros(from)).sizes().vec(); };
  CHECK(shape({5, 7}) == std::vector<std::int64_t>{5, 1, 1, 7});
  CHECK(shape({5, 3, 7}) == std::vector<std::int64_t>{5, 3, 1, 7});
  CHECK(shape({5, 3, 8, 7}) == std::vector<std::int64_t>{5, 3, 8, 7});
  CHECK(shape({5, 3, 2, 8, 7}) == std::vector<std::int64_t>{5, 3, 16, 7});
  CHECK(shape({5, 1}) == std::vector<std::int64_t>{5, 1, 1, 1});
}

#include <redoubt/attack/diverse_input.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <torch/csrc/autograd/autograd.h>
#include <cmath>
#include <redoubt/attack/input_transform.hpp>
#include <stdexcept>

#include "../models.hpp"

using redoubt::diverse_input;
using redoubt::draw;
using redoubt::testing::first_rows;
using redoubt::testing::largest;
using redoubt::testing::uniform;

static_assert(redoubt::a_transform<diverse_input>);

namespace {

/// Resized by LibTorch and padded, from the same four draws a sample.
at::Tensor resized_and_padded(const diverse_input& with, const at::Tensor& image, std::int64_t row, const draw& where) {
  const std::int64_t height = image.size(2);
  const std::int64_t width = image.size(3);
  const at::Tensor u = redoubt::uniform_like(at::empty({1, 4}), at::tensor({row}), where).to(at::kDouble);
  if (u[0][0].item<double>() >= with.probability) {
    return image;
  }
  const auto pick = [&](int index, std::int64_t lowest, std::int64_t highest) {
    return lowest + static_cast<std::int64_t>(u[0][index].item<double>() * static_cast<double>(highest - lowest + 1));
  };
  const auto smallest = [&](std::int64_t side) {
    return static_cast<std::int64_t>(std::ceil(with.least * static_cast<double>(side)));
  };
  const std::int64_t h = pick(1, smallest(height), height);
  const std::int64_t w = pick(1, smallest(width), width);
  const std::int64_t top = pick(2, 0, height - h);
  const std::int64_t left = pick(3, 0, width - w);
  const at::Tensor small = at::upsample_bilinear2d(image, {h, w}, /*align_corners=*/false);
  return at::constant_pad_nd(small, {left, width - w - left, top, height - h - top}, with.fill);
}

}  // namespace

TEST_CASE("diverse_input: is a bilinear resize and a padding, sample by sample") {
  const std::uint64_t seed = redoubt::testing::random_seed();
  CAPTURE(seed);
  redoubt::philox_sequence random{seed};
  for (int trial = 0; trial < 20; ++trial) {
    const std::int64_t samples = 1 + random.below(6);
    const at::Tensor x =
        uniform({samples, 1 + random.below(3), 1 + random.below(17), 1 + random.below(17)}, random()).to(at::kDouble);
    CAPTURE(x.sizes());
    const at::Tensor rows = uniform({samples, 1}, random(), 0, 1e5).flatten().to(at::kLong);
    const diverse_input with{.probability = random.uniform(), .least = 0.01 + 0.99 * random.uniform(), .fill = -0.5};
    const draw where{.seed = random(), .restart = 3, .step = random.below(9)};
    const at::Tensor found = with(x, rows, where);
    for (std::int64_t i = 0; i < samples; ++i) {
      const at::Tensor expected = resized_and_padded(with, x.narrow(0, i, 1), rows[i].item<std::int64_t>(), where);
      CHECK(largest(found.narrow(0, i, 1).sub(expected)) < 1e-9);
    }
  }
}

TEST_CASE("diverse_input: changes the share of samples that is asked for, and leaves the others bit by bit") {
  const at::Tensor x = uniform({400, 1, 8, 8}, 1);
  const auto changed = [&](double probability) {
    const at::Tensor found = diverse_input{.probability = probability, .least = 0.5}(x, first_rows(400), {.seed = 5});
    return found.ne(x).flatten(1).any(1).sum().item<std::int64_t>();
  };
  CHECK(changed(0) == 0);
  CHECK(std::abs(changed(0.25) - 80) < 30);  // a fifth of the sizes drawn is the image's own
  CHECK(changed(1) > 300);
}

TEST_CASE("diverse_input: sizes and places are uniform, the ends included") {
  const at::Tensor x = at::ones({3000, 1, 4, 4});
  const at::Tensor found = diverse_input{.probability = 1, .least = 0.5}(x, first_rows(3000), {.seed = 6});
  const at::Tensor rows_kept = found.squeeze(1).amax(2);  // [N, 4]: which rows hold the image
  const at::Tensor size = rows_kept.sum(1);
  for (const double side : {2.0, 3.0, 4.0}) {
    CHECK(size.eq(side).sum().item<double>() / 3000 == doctest::Approx(1. / 3).epsilon(0.1));
  }
  const at::Tensor first = rows_kept.argmax(1).index({size.eq(2)});
  for (const int place : {0, 1, 2}) {
    CHECK(first.eq(place).sum().item<double>() / static_cast<double>(first.size(0)) ==
          doctest::Approx(1. / 3).epsilon(0.15));
  }
}

TEST_CASE("diverse_input: a sample's draws follow its row, not its place") {
  const at::Tensor x = uniform({9, 2, 7, 5}, 1);
  const at::Tensor rows = at::tensor({5, 99, 3, 0, 12, 7, 4, 100000, 8}, at::kLong);
  const diverse_input with{.probability = 0.7, .least = 0.3};
  const draw where{.seed = 8, .restart = 1, .step = 4};
  const at::Tensor taken = at::tensor({7, 0, 3}, at::kLong);
  const at::Tensor some = with(x.index_select(0, taken), rows.index_select(0, taken), where);
  CHECK(at::equal(some, with(x, rows, where).index_select(0, taken)));
  for (const draw& other : {draw{.seed = 9, .restart = 1, .step = 4}, draw{.seed = 8, .restart = 2, .step = 4},
                            draw{.seed = 8, .restart = 1, .step = 5}}) {
    CHECK_FALSE(at::equal(with(x, rows, where), with(x, rows, other)));
  }
}

TEST_CASE("diverse_input: the gradient goes back to the pixels that were shown") {
  const at::Tensor x = uniform({6, 1, 9, 9}, 1).to(at::kDouble).requires_grad_();
  const diverse_input with{.probability = 1, .least = 0.4};
  const draw where{.seed = 8};
  const at::Tensor weight = uniform({6, 1, 9, 9}, 2).to(at::kDouble);
  const auto value = [&](const at::Tensor& point) { return with(point, first_rows(6), where).mul(weight).sum(); };
  const at::Tensor gradient = torch::autograd::grad({value(x)}, {x})[0];
  // It is linear in x, so that a difference is exact.
  const at::Tensor direction = uniform({6, 1, 9, 9}, 3).to(at::kDouble);
  const at::Tensor rise = value(x.detach().add(direction)).sub(value(x.detach()));
  CHECK(rise.item<double>() == doctest::Approx(gradient.mul(direction).sum().item<double>()));
}

TEST_CASE("diverse_input: one pixel and no samples are no obstacle") {
  CHECK(at::equal(diverse_input{.probability = 1}(at::full({2, 1, 1, 1}, 0.3), first_rows(2), {}),
                  at::full({2, 1, 1, 1}, 0.3)));
  CHECK(diverse_input{}(at::empty({0, 1, 4, 4}), first_rows(0), {}).sizes() == at::IntArrayRef{0, 1, 4, 4});
}

TEST_CASE("diverse_input: other shapes and options out of range are named") {
  const at::Tensor x = at::full({2, 1, 4, 4}, 0.5);
  const auto refused = [&](const diverse_input& with, const at::Tensor& point, const char* message) {
    CHECK_THROWS_WITH_AS((void)with(point, first_rows(2), {}), doctest::Contains(message), std::invalid_argument);
  };
  refused({}, at::ones({2, 16}), "diverse_input: works on images [N, C, H, W], got shape [2, 16]");
  refused({.probability = 1.5}, x, "diverse_input: probability must lie in [0, 1], got 1.5");
  refused({.probability = std::nan("")}, x, "got nan");
  refused({.least = 0}, x, "diverse_input: least must lie in (0, 1], got 0");
  refused({.least = 1.1}, x, "got 1.1");
}

#include <redoubt/train/augment.hpp>

#include <doctest/doctest.h>

#include <ATen/ATen.h>

#include <map>
#include <redoubt/norm/linf.hpp>
#include <stdexcept>
#include <tuple>

#include "../program/temporary_folder.hpp"

using redoubt::shift_and_mirror;

namespace {

using move = std::tuple<int, int, bool>;

/// The image moved pixel by pixel.
at::Tensor moved_by_hand(const at::Tensor& image, const move& how, float fill) {
  const auto [down, right, mirrored] = how;
  const std::int64_t height = image.size(1);
  const std::int64_t width = image.size(2);
  at::Tensor result = at::full(image.sizes(), fill);
  for (std::int64_t c = 0; c < image.size(0); ++c) {
    for (std::int64_t i = 0; i < height; ++i) {
      for (std::int64_t j = 0; j < width; ++j) {
        const std::int64_t from_i = i - down;
        const std::int64_t from_j = j - right;
        if (from_i >= 0 && from_i < height && from_j >= 0 && from_j < width) {
          result[c][i][j] = image[c][from_i][mirrored ? width - 1 - from_j : from_j];
        }
      }
    }
  }
  return result;
}

/// The one move that makes `after` of `before`.
move move_between(const at::Tensor& before, const at::Tensor& after, int pixels, float fill) {
  for (int down = -pixels; down <= pixels; ++down) {
    for (int right = -pixels; right <= pixels; ++right) {
      for (const bool mirrored : {false, true}) {
        if (moved_by_hand(before, {down, right, mirrored}, fill).equal(after)) {
          return {down, right, mirrored};
        }
      }
    }
  }
  FAIL("the image was not moved, but changed");
  return {};
}

at::Tensor numbered(std::int64_t images, std::int64_t channels, std::int64_t height, std::int64_t width) {
  return at::arange(1, images * channels * height * width + 1, at::kFloat).view({images, channels, height, width});
}

}  // namespace

TEST_CASE("shift_and_mirror: an image of 2 x 3, by hand") {
  const at::Tensor image = numbered(1, 1, 2, 3);  // 1 2 3 / 4 5 6
  CHECK(moved_by_hand(image[0], {1, -1, false}, 0).equal(at::tensor({0.F, 0.F, 0.F, 2.F, 3.F, 0.F}).view({1, 2, 3})));
  CHECK(moved_by_hand(image[0], {0, 1, true}, 9).equal(at::tensor({9.F, 3.F, 2.F, 9.F, 6.F, 5.F}).view({1, 2, 3})));
}

TEST_CASE("shift_and_mirror makes every move of up to `pixels`, each as often") {
  const std::int64_t images = 1800;
  const at::Tensor x = numbered(1, 2, 3, 4).expand({images, 2, 3, 4});
  const at::Tensor moved = shift_and_mirror{.pixels = 1, .seed = 5, .fill = -1}(x, at::arange(images));
  REQUIRE(moved.sizes() == x.sizes());
  std::map<move, int> times;
  for (std::int64_t i = 0; i < images; ++i) {
    ++times[move_between(x[i], moved[i], 1, -1)];
  }
  CHECK(times.size() == 18);
  double chi_square = 0;
  for (const auto& [how, count] : times) {
    chi_square += (count - 100.0) * (count - 100.0) / 100.0;
  }
  CHECK(chi_square < 40.8);  // the 99.9 % quantile for 17 degrees of freedom
}

TEST_CASE("shift_and_mirror: the same rows get the same moves, in any batch and order") {
  const at::Tensor x = numbered(32, 1, 5, 5);
  const at::Tensor rows = at::arange(100, 132);
  const shift_and_mirror augment{.pixels = 2};
  const at::Tensor all = augment(x, rows);
  CHECK(augment(x, rows).equal(all));
  const at::Tensor order = at::arange(31, -1, -3);
  CHECK(augment(x.index_select(0, order), rows.index_select(0, order)).equal(all.index_select(0, order)));
  for (std::int64_t i = 0; i < 32; ++i) {
    REQUIRE(augment(x.narrow(0, i, 1), rows.narrow(0, i, 1)).equal(all.narrow(0, i, 1)));
  }
  CHECK_FALSE(augment(x, rows.add(32)).equal(all));
  CHECK_FALSE((shift_and_mirror{.pixels = 2, .seed = 1}(x, rows).equal(all)));
}

TEST_CASE("shift_and_mirror does neither where it is told not to") {
  const at::Tensor x = numbered(64, 1, 3, 3);
  const at::Tensor rows = at::arange(64);
  CHECK((shift_and_mirror{.pixels = 0, .mirror = false}(x, rows).equal(x)));
  const at::Tensor mirrored = shift_and_mirror{.pixels = 0}(x, rows);
  int times = 0;
  for (std::int64_t i = 0; i < 64; ++i) {
    const bool turned = mirrored[i].equal(x[i].flip(2));
    REQUIRE((turned || mirrored[i].equal(x[i])));
    times += turned ? 1 : 0;
  }
  CHECK(times > 16);
  CHECK(times < 48);
  const at::Tensor shifted = shift_and_mirror{.pixels = 1, .mirror = false}(x, rows);
  for (std::int64_t i = 0; i < 64; ++i) {
    REQUIRE_FALSE(std::get<2>(move_between(x[i], shifted[i], 1, 0)));
  }
}

TEST_CASE("shift_and_mirror leaves its input as it was, and makes one of the same type") {
  const at::Tensor x = numbered(4, 1, 3, 3).to(at::kDouble);
  const at::Tensor before = x.clone();
  const at::Tensor moved = shift_and_mirror{}(x, at::arange(4));
  CHECK(x.equal(before));
  CHECK((moved.scalar_type() == at::kDouble));
}

TEST_CASE("shift_and_mirror does not share its draws with an attack that starts at random from the same seed") {
  const std::int64_t images = 2000;
  const at::Tensor rows = at::arange(images);
  const at::Tensor x = numbered(1, 1, 2, 2).expand({images, 1, 2, 2});
  const at::Tensor mirrored = shift_and_mirror{.pixels = 0}(x, rows).select(3, 0).flatten(1).select(1, 0).eq(2);
  const at::Tensor start = redoubt::linf{.radius = 1}.sample(x, rows, {}).flatten(1);
  for (std::int64_t k = 0; k < 4; ++k) {
    const auto agree = mirrored.eq(start.select(1, k).lt(0)).sum().item<std::int64_t>();
    CHECK(agree > 850);
    CHECK(agree < 1150);
  }
}

TEST_CASE("shift_and_mirror refuses what is no image, and moves wider than it") {
  const auto refusal = [](const shift_and_mirror& augment, const at::Tensor& x) {
    return message_of<std::invalid_argument>([&] { static_cast<void>(augment(x, at::arange(2))); });
  };
  CHECK(refusal({}, at::zeros({2, 3, 3})) == "shift_and_mirror: needs images [N, C, H, W], got shape [2, 3, 3]");
  CHECK(refusal({.pixels = 3}, at::zeros({2, 1, 3, 4})) == "shift_and_mirror: cannot move images of 3 x 4 by 3 pixels");
  CHECK(refusal({.pixels = -1}, at::zeros({2, 1, 3, 4})) ==
        "shift_and_mirror: cannot move images of 3 x 4 by -1 pixels");
}

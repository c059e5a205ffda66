#include <redoubt/core/box.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

using redoubt::box;

TEST_CASE("box: clamps to its bounds and leaves what is inside bitwise as it was") {
  const box bounds{-1, 2};
  CHECK(at::equal(bounds.clamp(at::tensor({-3.0F, -1.0F, 0.3F, 2.0F, 9.0F})),
                  at::tensor({-1.0F, -1.0F, 0.3F, 2.0F, 2.0F})));
  CHECK(box{}.lower.number() == 0);
  CHECK(box{}.upper.number() == 1);
}

TEST_CASE("box: takes inputs up to and on its bounds, and empty ones") {
  CHECK_NOTHROW(box{}.require_inside("test", at::tensor({0.0F, 0.5F, 1.0F})));
  CHECK_NOTHROW(box{}.require_inside("test", at::empty({0, 3})));
}

TEST_CASE("box: its bounds count as the input's own type rounds them") {
  // None of these bounds is a number of these types: a value on the bound is a rounding away from it.
  const box bounds{-2.1179, 2.64};
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16}) {
    CAPTURE(std::string{c10::toString(type)});
    CHECK_NOTHROW(bounds.require_inside("test", at::tensor({-2.1179, 2.64}, at::kDouble).to(type)));
    CHECK_THROWS_AS(bounds.require_inside("test", at::tensor({-2.1179, 2.68}, at::kDouble).to(type)),
                    std::invalid_argument);
  }
}

TEST_CASE("box: an input outside is refused with its range and what to do") {
  CHECK_THROWS_WITH_AS(box{}.require_inside("pgd", at::tensor({0.0F, 1.5F})),
                       "pgd: the input must lie in the box [0, 1], but spans [0, 1.5]; give the box of your data, and "
                       "normalise inside the model so that radii keep their unit (redoubt::normalised)",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(box{}.require_inside("pgd", at::tensor({-0.25F, 1.0F})), doctest::Contains("spans [-0.25, 1]"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(box{}.require_inside("pgd", at::tensor({0.0F, std::numeric_limits<float>::infinity()})),
                       doctest::Contains("spans [0, inf]"), std::invalid_argument);
}

TEST_CASE("box: a NaN anywhere in the input is refused") {
  for (std::int64_t position = 0; position < 3; ++position) {
    at::Tensor x = at::full({3}, 0.5);
    x[position] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_WITH_AS(box{}.require_inside("pgd", x), "pgd: the input holds a NaN", std::invalid_argument);
  }
}

TEST_CASE("box: bounds that are no interval are refused and named") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const at::Tensor x = at::full({3}, 0.5);
  for (const box& bad : {box{1, 0}, box{1, 1}, box{nan, 1}, box{0, nan}, box{0, infinity}, box{-infinity, 0}}) {
    CHECK_THROWS_WITH_AS(bad.require_inside("pgd", x), doctest::Contains("finite bounds, lower < upper; got ["),
                         std::invalid_argument);
  }
}

// Bounds per channel.

TEST_CASE("box: a bound per channel holds for that channel, beside a number or another bound per channel") {
  const at::Tensor x = at::full({2, 3, 2, 2}, 0.5);
  const at::Tensor low = at::tensor({0.0, 0.6, -1.0});
  const at::Tensor high = at::tensor({0.4, 1.0, 2.0});
  const at::Tensor clamped = box{low, high}.clamp(x);
  for (std::int64_t channel = 0; channel < 3; ++channel) {
    const double expected = std::vector<double>{0.4, 0.6, 0.5}[static_cast<std::size_t>(channel)];
    CHECK(clamped.select(1, channel).sub(expected).abs().max().item<double>() < 1e-7);
  }
  CHECK(at::equal(box{0, high}.clamp(x).select(1, 0), at::full({2, 2, 2}, 0.4)));
  CHECK(at::equal(box{low, 1}.clamp(x).select(1, 1), at::full({2, 2, 2}, 0.6)));
}

TEST_CASE("box: an input that leaves its channel's bounds is refused, and the channel named") {
  const at::Tensor x = at::full({2, 3, 2, 2}, 0.5);
  CHECK_NOTHROW(box{at::tensor({0.0, 0.5, -1.0}), 1}.require_inside("pgd", x));
  CHECK_THROWS_WITH_AS((box{at::tensor({0.0, 0.6, -1.0}), 1}.require_inside("pgd", x)),
                       doctest::Contains("channel 1 of the input must lie in the box [0.6, 1], but spans [0.5, 0.5]"),
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS((box{0, at::tensor({1.0, 0.0, 1.0})}.require_inside("pgd", x)),
                       doctest::Contains("finite bounds, lower < upper; got [0, 0]"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((box{0, at::tensor({1.0, 1.0})}.require_inside("pgd", x)),
                       doctest::Contains("bounds for 2 channels, the input is [2, 3, 2, 2]"), std::invalid_argument);
  CHECK_THROWS_WITH_AS((void)(box{0, at::ones({3, 1})}), doctest::Contains("a number, or one per channel"),
                       std::invalid_argument);
}

TEST_CASE("box: a direction keeps what the box lets move, and loses what would leave it, channel by channel") {
  const at::Tensor point = at::tensor({0.0, 0.0, 0.4, 1.0, 1.0, 0.2}).view({1, 6});
  const at::Tensor way = at::tensor({-3.0, 2.0, -1.0, 5.0, -4.0, std::nan("")}).view({1, 6});
  const at::Tensor free = box{}.free_part(way, point);
  CHECK(at::equal(free.narrow(1, 0, 5), at::tensor({0.0, 2.0, -1.0, 0.0, -4.0}, at::kDouble).view({1, 5}).to(free)));
  CHECK(free[0][5].isnan().item<bool>());
  const box narrow{at::tensor({0.0, 0.5}), 1};
  const at::Tensor down = narrow.free_part(at::full({1, 2}, -1.0F), at::full({1, 2}, 0.5F));
  CHECK(at::equal(down, at::tensor({-1.0F, 0.0F}).view({1, 2})));
}

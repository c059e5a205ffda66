#include <redoubt/core/extent.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>
#include <type_traits>

using redoubt::extent;

static_assert(std::is_convertible_v<double, extent>);
static_assert(std::is_convertible_v<int, extent>, "`.radius = 1` is a spelling");
static_assert(std::is_convertible_v<at::Tensor, extent>);
static_assert(!std::is_convertible_v<const char*, extent>);

TEST_CASE("per_sample: one number a sample reaches every element of the sample, in the type of its partner") {
  const at::Tensor like = at::ones({2, 3, 2}, at::kDouble);
  const at::Tensor numbers = redoubt::per_sample(at::tensor({2.0F, 5.0F}), like);
  CHECK(numbers.sizes() == at::IntArrayRef{2, 1, 1});
  CHECK((numbers.scalar_type() == at::kDouble));
  CHECK(at::equal(like.mul(numbers).sum({1, 2}), at::tensor({12.0, 30.0}, at::kDouble)));
}

TEST_CASE("extent: a number and the same number for each sample do the same") {
  const extent number = 0.25;
  const extent each = at::full({3}, 0.25);
  CHECK_FALSE(number.is_per_sample());
  CHECK(each.is_per_sample());
  CHECK(number.number() == 0.25);
  const at::Tensor t = at::linspace(-1, 1, 12).view({3, 4});
  for (const auto& [one, many] : {std::pair{number, each}, std::pair{number.times(2), each.times(2)}}) {
    at::Tensor a = t.clone();
    at::Tensor b = t.clone();
    CHECK(at::equal(one.clamp_(a), many.clamp_(b)));
    CHECK(at::equal(a, b));
    a = t.clone();
    b = t.clone();
    CHECK(at::equal(one.scale_(a), many.scale_(b)));
    CHECK(at::equal(one.broadcast_over(t), many.broadcast_over(t)));
  }
}

TEST_CASE("extent: numbers per sample scale and clamp each sample by its own") {
  const extent each = at::tensor({0.5, 2.0, 0.0});
  at::Tensor t = at::tensor({3.0, -3.0, 1.0, -0.25, 7.0, -7.0}).view({3, 2});
  at::Tensor clamped = t.clone();
  each.clamp_(clamped);
  CHECK(at::equal(clamped, at::tensor({0.5, -0.5, 1.0, -0.25, 0.0, 0.0}).view({3, 2})));
  each.scale_(t);
  CHECK(at::equal(t, at::tensor({1.5, -1.5, 2.0, -0.5, 0.0, -0.0}).view({3, 2})));
}

TEST_CASE("extent: at(rows) follows the samples, and a number stays a number") {
  const extent each = at::tensor({1.0, 2.0, 3.0});
  const at::Tensor like = at::zeros({2, 1});
  CHECK(at::equal(each.at(at::tensor({2, 0}, at::kLong)).broadcast_over(like), at::tensor({3.0F, 1.0F}).view({2, 1})));
  CHECK(extent{4}.at(at::tensor({2, 0}, at::kLong)).number() == 4);
}

TEST_CASE("extent: what has a number per sample has no number") {
  CHECK_THROWS_AS((void)extent{at::ones({2})}.number(), std::invalid_argument);
}

TEST_CASE("extent: a tensor that holds nothing is refused, and does not become a radius of zero") {
  CHECK_THROWS_WITH_AS(extent{at::Tensor{}}, doctest::Contains("undefined"), std::invalid_argument);
}

TEST_CASE("extent: require_valid takes what is finite and not negative, and names the rest") {
  CHECK_NOTHROW(extent{0}.require_valid("radius", 3));
  CHECK_NOTHROW(extent{at::tensor({0.0, 1.0, 2.0})}.require_valid("radius", 3));
  CHECK_NOTHROW(extent{at::tensor({1, 2, 3}, at::kLong)}.require_valid("radius", 3));
  CHECK_NOTHROW(extent{at::empty({0})}.require_valid("radius", 0));
  const auto refused = [](const extent& value, const char* message) {
    CHECK_THROWS_WITH_AS(value.require_valid("radius", 3), doctest::Contains(message), std::invalid_argument);
  };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  refused(-0.5, "radius must be finite and not negative, got -0.5");
  refused(nan, "got nan");
  refused(infinity, "got inf");
  refused(at::tensor({1.0, -2.0, 3.0}), "spans [-2, 3]");
  refused(at::tensor({1.0, nan, 3.0}), "nan");
  refused(at::tensor({1.0, infinity, 3.0}), "spans [1, inf]");
  refused(at::ones({2}), "one per sample [3], got a tensor of shape [2]");
  refused(at::ones({3, 1}), "got a tensor of shape [3, 1]");
  refused(at::ones({}), "got a tensor of shape []");
}

#include <redoubt/attack/detail/best_points.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <limits>

#include "../../models.hpp"

using redoubt::detail::best_points;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

at::Tensor flags(std::initializer_list<bool> values) {
  at::Tensor t = at::empty({static_cast<std::int64_t>(values.size())}, at::kBool);
  std::int64_t i = 0;
  for (const bool value : values) {
    t[i++] = value;
  }
  return t;
}

/// One point a sample, [N, 1], so that a point is told by its number.
at::Tensor points(std::initializer_list<double> values) {
  return at::tensor(values).to(at::kFloat).unsqueeze(1);
}

best_points nothing_met(std::int64_t samples) {
  return best_points::none(at::zeros({samples, 1}), at::zeros({samples}, at::kLong));
}

}  // namespace

TEST_CASE("best_points: before anything is met it is x itself, which every finite loss beats") {
  const at::Tensor x = redoubt::testing::uniform({2, 3}, 1);
  best_points best = best_points::none(x, at::zeros({2}, at::kLong));
  CHECK(at::equal(best.points, x));
  CHECK_FALSE(best.points.is_same(x));
  CHECK_FALSE(best.fooled.any().item<bool>());
  CHECK_FALSE(best.zero_gradient.any().item<bool>());
  best.offer(at::ones({2, 3}), at::full({2}, -1e30), flags({false, false}));
  CHECK(at::equal(best.points, at::ones({2, 3})));
}

TEST_CASE("best_points: of points that do not fool the model, the higher loss stays, sample by sample") {
  best_points best = nothing_met(3);
  best.offer(points({1, 1, 1}), at::tensor({5.0F, 5.0F, 5.0F}), flags({false, false, false}));
  best.offer(points({2, 2, 2}), at::tensor({6.0F, 4.0F, 5.0F}), flags({false, false, false}));
  CHECK(at::equal(best.points, points({2, 1, 1})));
  CHECK(at::equal(best.loss, at::tensor({6.0F, 5.0F, 5.0F})));
}

TEST_CASE("best_points: one that fools the model beats a higher loss that does not, whichever comes first") {
  best_points best = nothing_met(2);
  best.offer(points({1, 1}), at::tensor({1.0F, 9.0F}), flags({true, false}));
  best.offer(points({2, 2}), at::tensor({9.0F, 1.0F}), flags({false, true}));
  CHECK(at::equal(best.points, points({1, 2})));
  CHECK(best.fooled.all().item<bool>());
  // Among points that fool, the loss counts again.
  best.offer(points({3, 3}), at::tensor({2.0F, 0.5F}), flags({true, true}));
  CHECK(at::equal(best.points, points({3, 2})));
}

TEST_CASE("best_points: a loss of NaN beats nothing, unless the point fools the model") {
  best_points best = nothing_met(2);
  best.offer(points({1, 1}), at::tensor({1.0F, 1.0F}), flags({false, false}));
  best.offer(points({2, 2}), at::tensor({not_a_number, not_a_number}), flags({false, true}));
  CHECK(at::equal(best.points, points({1, 2})));
}

TEST_CASE("best_points: keeps the type of its own losses, whatever the model's") {
  best_points best = nothing_met(1);
  for (const at::ScalarType type : {at::kDouble, at::kHalf, at::kBFloat16}) {
    best.offer(points({1}), at::ones({1}).to(type), flags({false}));
    CHECK((best.loss.scalar_type() == at::kFloat));
    best_points all = nothing_met(2);
    CHECK_NOTHROW(all.put(at::tensor({1}, at::kLong), best));
  }
}

TEST_CASE("best_points: what is taken from some rows is put back to them, and to no others") {
  best_points all = nothing_met(4);
  const at::Tensor rows = at::tensor({3, 1}, at::kLong);
  best_points some = all.at(rows);
  some.offer(points({7, 8}), at::tensor({1.0F, 2.0F}), flags({true, false}));
  some.zero_gradient.logical_or_(flags({false, true}));
  CHECK_FALSE(all.fooled.any().item<bool>());
  all.put(rows, some);
  CHECK(at::equal(all.points, points({0, 8, 0, 7})));
  CHECK(at::equal(all.fooled, flags({false, false, false, true})));
  CHECK(at::equal(all.zero_gradient, flags({false, true, false, false})));
  CHECK(all.loss[0].item<float>() == -std::numeric_limits<float>::infinity());
}

#include <redoubt/attack/detail/target_pairs.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

using redoubt::detail::target_pairs;

namespace {

const at::Tensor classes = at::arange(12, at::kLong).view({4, 3}).add(100);  // [4 samples, 3 classes]
const at::Tensor left = at::tensor({3, 1}, at::kLong);

}  // namespace

TEST_CASE("target_pairs: takes as many classes as there is room for, at least one and at most those that are left") {
  const auto together = [&](std::int64_t first, std::int64_t room) {
    return target_pairs::of(left, classes, first, room).together;
  };
  CHECK(together(0, 1) == 1);
  CHECK(together(0, 3) == 1);
  CHECK(together(0, 4) == 2);
  CHECK(together(0, 100) == 3);
  CHECK(together(2, 100) == 1);
}

TEST_CASE("target_pairs: each sample stands beside each class, the first class of all samples first") {
  const auto pairs = target_pairs::of(left, classes, 1, 4);
  CHECK(at::equal(pairs.sample, at::tensor({3, 1, 3, 1}, at::kLong)));
  CHECK(at::equal(pairs.target, at::tensor({110, 104, 111, 105}, at::kLong)));
  CHECK(at::equal(pairs.turn, at::tensor({1, 1, 2, 2}, at::kLong)));
}

TEST_CASE("target_pairs: a pair's row is its own, and the sample's for its first class") {
  const at::Tensor rows = at::tensor({7, 8, 9, 1}, at::kLong);
  CHECK(at::equal(target_pairs::of(left, classes, 0, 1).rows(rows), at::tensor({1, 8}, at::kLong)));
  const at::Tensor all = target_pairs::of(left, classes, 0, 100).rows(rows);
  CHECK(std::get<0>(at::_unique(all)).size(0) == 6);
  CHECK(at::equal(all.narrow(0, 2, 2), target_pairs::of(left, classes, 1, 1).rows(rows)));
}

TEST_CASE("target_pairs: the first class that fooled counts; none is told apart from all") {
  const auto pairs = target_pairs::of(left, classes, 0, 100);
  // Sample 3 is fooled by its second and third class, sample 1 by none.
  CHECK(at::equal(pairs.first_fooled(at::tensor({0, 0, 1, 0, 1, 0}, at::kLong).to(at::kBool)),
                  at::tensor({1, 3}, at::kLong)));
}

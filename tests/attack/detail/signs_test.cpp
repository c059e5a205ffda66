#include <redoubt/attack/detail/signs.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <stdexcept>

#include "../../models.hpp"

using redoubt::detail::random_signs;
using redoubt::testing::first_rows;
using redoubt::testing::largest;

TEST_CASE("random signs: minus and plus one in equal shares, without correlation between samples and directions") {
  const at::Tensor like = at::empty({6, 3, 200});
  const at::Tensor signs = random_signs(like, first_rows(6), {.seed = 1}, 0, 10);
  CHECK(signs.sizes() == at::IntArrayRef{10, 6, 3, 200});
  CHECK(signs.abs().eq(1).all().item<bool>());
  const at::Tensor each = signs.view({60, 600});
  // 600 throws of a coin have a standard deviation of 24.5.
  CHECK(largest(each.matmul(each.t()).sub(at::eye(60).mul(600))) < 5.5 * 24.5);
  CHECK(largest(each.sum(0)) < 5.5 * 7.75);
}

TEST_CASE("random signs: depend on seed, row, restart, step and direction alone") {
  const at::Tensor like = at::empty({4, 150}, at::kDouble);
  const redoubt::draw where{.seed = 3, .restart = 2, .step = 5};
  const at::Tensor all = random_signs(like, first_rows(4), where, 0, 7);
  CHECK((all.scalar_type() == at::kDouble));
  const at::Tensor rows = at::tensor({2, 1}, at::kLong);
  CHECK(at::equal(random_signs(like.narrow(0, 0, 2), rows, where, 3, 2), all.narrow(0, 3, 2).index_select(1, rows)));
  for (const redoubt::draw& other : {redoubt::draw{4, 2, 5}, redoubt::draw{3, 1, 5}, redoubt::draw{3, 2, 6}}) {
    CHECK_FALSE(at::equal(random_signs(like, first_rows(4), other, 0, 7), all));
  }
  CHECK_THROWS_WITH_AS((void)random_signs(like, first_rows(4).sub(1), where, 0, 1), doctest::Contains("got -1"),
                       std::invalid_argument);
}

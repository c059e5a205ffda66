#include <redoubt/loss/loss_function.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <redoubt/core/concepts.hpp>
#include <redoubt/loss/cross_entropy.hpp>
#include <redoubt/loss/dlr.hpp>
#include <redoubt/loss/margin.hpp>
#include <type_traits>

#include "../models.hpp"

using redoubt::loss_function;

namespace {

/// A loss with state per sample: each sample's margin times its own weight.
struct weighted_margin {
  at::Tensor weight;

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& y) const {
    return redoubt::margin{}(logits, y).mul(weight);
  }
  weighted_margin at(const at::Tensor& rows) const { return {weight.index_select(0, rows)}; }
};

static_assert(redoubt::a_loss<loss_function>);
static_assert(std::is_copy_constructible_v<loss_function>);
static_assert(std::is_convertible_v<redoubt::dlr, loss_function>, "`.loss = dlr{}` is the spelling");
static_assert(std::is_convertible_v<weighted_margin, loss_function>);

}  // namespace

TEST_CASE("loss_function: a loss, a lambda and a copy of it give what the loss gives") {
  const at::Tensor logits = redoubt::testing::normal({5, 4}, 1);
  const at::Tensor y = redoubt::testing::labels(5, 4, 2);
  CHECK(at::equal(loss_function{redoubt::cross_entropy{}}(logits, y), redoubt::cross_entropy{}(logits, y)));
  CHECK(at::equal(loss_function{redoubt::margin{}}(logits, y), redoubt::margin{}(logits, y)));
  loss_function loss = [](const at::Tensor& z, const at::Tensor& label) {
    return z.gather(1, label.unsqueeze(1)).squeeze(1).neg();
  };
  const at::Tensor expected = logits.gather(1, y.unsqueeze(1)).squeeze(1).neg();
  CHECK(at::equal(loss(logits, y), expected));
  const loss_function copy = loss;
  loss = redoubt::dlr{};
  CHECK(at::equal(copy(logits, y), expected));
  CHECK(at::equal(loss(logits, y), redoubt::dlr{}(logits, y)));
}

TEST_CASE("loss_function: a loss with state per sample follows its samples, again and again") {
  const at::Tensor logits = redoubt::testing::normal({5, 4}, 1);
  const at::Tensor y = redoubt::testing::labels(5, 4, 2);
  const loss_function loss = weighted_margin{at::tensor({1.0, 2.0, 3.0, 4.0, 5.0})};
  const at::Tensor all = loss(logits, y);
  const at::Tensor rows = at::tensor({4, 1, 2}, at::kLong);
  const loss_function some = loss.at(rows);
  CHECK(at::equal(some(logits.index_select(0, rows), y.index_select(0, rows)), all.index_select(0, rows)));
  const at::Tensor last = at::tensor({2}, at::kLong);
  const at::Tensor left = rows.index_select(0, last);
  CHECK(at::equal(some.at(last)(logits.index_select(0, left), y.index_select(0, left)), all.index_select(0, left)));
}

TEST_CASE("loss_function: a loss without state is the same at any rows") {
  const at::Tensor logits = redoubt::testing::normal({3, 4}, 1);
  const at::Tensor y = redoubt::testing::labels(3, 4, 2);
  const loss_function loss = redoubt::margin{};
  CHECK(at::equal(loss.at(at::tensor({0}, at::kLong))(logits, y), loss(logits, y)));
}

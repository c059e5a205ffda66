#include <redoubt/attack/detail/input.hpp>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <doctest/doctest.h>

#include <stdexcept>

#include "../../models.hpp"

using redoubt::detail::checked_input;
using redoubt::testing::first_rows;

namespace {

void check_refused(const at::Tensor& x, const at::Tensor& y, const at::Tensor& rows, const char* message) {
  CHECK_THROWS_WITH_AS((void)checked_input("pgd", x, y, rows, {}), doctest::Contains(message), std::invalid_argument);
}

}  // namespace

TEST_CASE("checked_input: the state is float32, or float64 where the input is; without a graph") {
  const at::Tensor y = at::zeros({2}, at::kLong);
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16, at::kFloat, at::kDouble}) {
    const at::Tensor x = at::full({2, 3}, 0.1).to(type).requires_grad_();
    const auto input = checked_input("pgd", x, y, {}, {});
    CHECK((input.x.scalar_type() == (type == at::kDouble ? at::kDouble : at::kFloat)));
    CHECK(at::equal(input.x.to(type), x.detach()));
    CHECK_FALSE(input.x.requires_grad());
  }
}

TEST_CASE("checked_input: rows count from 0 where none are given") {
  const at::Tensor x = at::zeros({3, 2});
  const at::Tensor y = at::zeros({3}, at::kLong);
  CHECK(at::equal(checked_input("pgd", x, y, {}, {}).rows, first_rows(3)));
  const at::Tensor rows = at::tensor({9, 4, 4}, at::kLong);
  CHECK(at::equal(checked_input("pgd", x, y, rows, {}).rows, rows));
  CHECK(checked_input("pgd", at::zeros({0, 2}), at::zeros({0}, at::kLong), {}, {}).rows.numel() == 0);
}

TEST_CASE("checked_input: labels from inference mode can be used with gradients") {
  at::Tensor y;
  {
    const c10::InferenceMode inference;
    y = at::zeros({2}, at::kLong);
  }
  CHECK_FALSE(checked_input("pgd", at::zeros({2, 3}), y, {}, {}).y.is_inference());
}

TEST_CASE("checked_input: what no attack can take is named") {
  const at::Tensor x = at::full({2, 3}, 0.5);
  const at::Tensor y = at::zeros({2}, at::kLong);
  check_refused(at::Tensor{}, y, {}, "pgd: the input must be a batch [N, ...], got shape [0]");
  check_refused(at::zeros({2}), y, {}, "pgd: the input must be a batch [N, ...], got shape [2]");
  check_refused(at::zeros({2, 3}, at::kByte), y, {}, "must be floating point, got unsigned char; divide images");
  check_refused(x, at::Tensor{}, {}, "one int64 label per sample [2], got shape [0] of type nullptr (uninitialized)");
  check_refused(x, at::zeros({3}, at::kLong), {}, "one int64 label per sample [2], got shape [3] of type long");
  check_refused(x, at::zeros({2, 1}, at::kLong), {}, "got shape [2, 1]");
  check_refused(x, at::zeros({2}, at::kInt), {}, "got shape [2] of type int");
  check_refused(x, at::zeros({2}), {}, "got shape [2] of type float");
  check_refused(x, y, first_rows(3), "rows must be one int64 per sample [2], got shape [3]");
  check_refused(x, y, at::zeros({2}, at::kInt), "rows must be one int64 per sample [2]");
  check_refused(at::full({2, 3}, 1.5), y, {}, "pgd: the input must lie in the box [0, 1], but spans [1.5, 1.5]");
}

TEST_CASE("require_labels: labels in range pass, the one out of range is named") {
  using redoubt::detail::require_labels;
  CHECK_NOTHROW(require_labels("pgd", at::tensor({0, 9}, at::kLong), 10));
  CHECK_NOTHROW(require_labels("pgd", at::empty({0}, at::kLong), 10));
  CHECK_THROWS_WITH_AS(require_labels("pgd", at::tensor({0, 10}, at::kLong), 10),
                       "pgd: labels must lie in [0, 10), as the model has 10 classes; got 10", std::invalid_argument);
  CHECK_THROWS_WITH_AS(require_labels("pgd", at::tensor({-1, 3}, at::kLong), 10), doctest::Contains("got -1"),
                       std::invalid_argument);
}

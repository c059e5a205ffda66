#include <redoubt/core/rows.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <type_traits>

using redoubt::row_function;
using redoubt::row_numbers;

namespace {

using number_of_rows = row_function<at::Tensor(const at::Tensor&)>;

/// Adds each row's own number.
struct adds {
  at::Tensor each;

  at::Tensor operator()(const at::Tensor& t) const { return t.add(each); }
  [[nodiscard]] adds at(const at::Tensor& rows) const { return {each.index_select(0, rows)}; }
};

static_assert(std::is_convertible_v<adds, number_of_rows>);

}  // namespace

TEST_CASE("row_numbers: 0 to N-1 as int64, whatever the type they stand beside; none for no rows") {
  const at::Tensor numbers = row_numbers(4, at::zeros({2, 2}, at::kHalf));
  CHECK((numbers.scalar_type() == at::kLong));
  CHECK(at::equal(numbers, at::arange(4, at::kLong)));
  CHECK(row_numbers(0, at::zeros({1})).size(0) == 0);
}

TEST_CASE("tensor_at: the rows asked for in the order asked, and nothing of nothing") {
  const at::Tensor rows = at::tensor({2, 0}, at::kLong);
  CHECK(at::equal(redoubt::tensor_at(at::tensor({5, 6, 7}), rows), at::tensor({7, 5})));
  CHECK_FALSE(redoubt::tensor_at({}, rows).defined());
}

TEST_CASE("row_function: is empty until it holds something, at any rows too") {
  const number_of_rows none;
  CHECK_FALSE(static_cast<bool>(none));
  CHECK_FALSE(static_cast<bool>(none.at(at::tensor({0}, at::kLong))));
  CHECK(static_cast<bool>(number_of_rows{adds{at::zeros({1})}}));
}

TEST_CASE("row_function: what it holds follows its rows, again and again, and copies are independent of it") {
  number_of_rows function = adds{at::tensor({10, 20, 30})};
  const number_of_rows some = function.at(at::tensor({2, 1}, at::kLong));
  const number_of_rows last = some.at(at::tensor({1}, at::kLong));
  const number_of_rows copy = function;
  function = [](const at::Tensor& t) { return t.neg(); };
  CHECK(at::equal(copy(at::zeros({3}, at::kLong)), at::tensor({10, 20, 30})));
  CHECK(at::equal(some(at::zeros({2}, at::kLong)), at::tensor({30, 20})));
  CHECK(at::equal(last(at::zeros({1}, at::kLong)), at::tensor({20})));
  CHECK(at::equal(function.at(at::tensor({0}, at::kLong))(at::tensor({4})), at::tensor({-4})));
}

#include <redoubt/core/detail/elements.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

using redoubt::detail::elements_of;
using redoubt::detail::vector_of;

TEST_CASE("elements_of: the tensor's own memory, and none of another type") {
  const at::Tensor t = at::arange(3, at::kFloat);
  CHECK((elements_of<float>(t) == t.const_data_ptr()));
  CHECK_THROWS_WITH_AS(static_cast<void>(elements_of<double>(t)), "a tensor of type Float is read as Double",
                       std::invalid_argument);
}

TEST_CASE("vector_of: the elements in the order of the shape, however they lie, as the type that was asked for") {
  const at::Tensor t = at::arange(6, at::kLong).view({2, 3}).t();
  CHECK((vector_of<std::int64_t>(t) == std::vector<std::int64_t>{0, 3, 1, 4, 2, 5}));
  CHECK((vector_of<double>(t.slice(0, 1, 2)) == std::vector<double>{1, 4}));
  CHECK((vector_of<double>(t.gt(2)) == std::vector<double>{0, 1, 0, 1, 0, 1}));
  CHECK((vector_of<float>(at::full({}, 0.5)) == std::vector<float>{0.5F}));
  CHECK(vector_of<double>(at::empty({0, 4})).empty());
}

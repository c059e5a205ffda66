#include <redoubt/attack/no_attack.hpp>

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <stdexcept>

TEST_CASE("no_attack: returns x itself and does not ask the model") {
  const auto model = [](const at::Tensor&) -> at::Tensor { throw std::runtime_error{"asked"}; };
  const at::Tensor x = at::ones({2, 3});
  const at::Tensor y = at::zeros({2}, at::kLong);
  CHECK(redoubt::no_attack{}(model, x, y).is_same(x));
  CHECK(redoubt::no_attack{}(model, x, y, at::tensor({4, 5}, at::kLong)).is_same(x));
}

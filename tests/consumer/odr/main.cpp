// Each library's attack ends in the corner of its own ball, which is the answer for a linear classifier.
#include "library.hpp"

#include <ATen/ATen.h>

#include <cstdio>

at::Tensor logits(const at::Tensor& x) {
  return at::cat({x, -x}, 1);
}

int main() {
  const at::Tensor x = at::full({2, 1}, 0.5);
  const at::Tensor y = at::tensor({0, 1}, at::kLong);
  const at::Tensor away = at::tensor({-1.F, 1.F}).reshape({2, 1});

  const bool right = at::allclose(first::attack(x, y, 0.1) - x, away * 0.1, 1e-4, 1e-6) &&
                     at::allclose(second::attack(x, y, 0.2) - x, away * 0.2, 1e-4, 1e-6);
  std::printf("two libraries: %s\n", right ? "as expected" : "wrong");
  return right ? 0 : 1;
}

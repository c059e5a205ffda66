// The sign of a linear classifier's gradient is known: FGSM moves each input by the radius, away from its class.
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/norm/linf.hpp>

#include <ATen/ATen.h>

#include <cstdio>

int main() {
  const auto model = [](const at::Tensor& x) { return at::cat({x, -x}, 1); };
  const at::Tensor x = at::full({2, 1}, 0.5);
  const at::Tensor y = at::tensor({0, 1}, at::kLong);

  const at::Tensor moved = redoubt::fgsm{redoubt::linf{.radius = 0.1}}(model, x, y) - x;
  const bool right = at::allclose(moved, at::tensor({-0.1F, 0.1F}).reshape({2, 1}));
  std::printf("redoubt: %s\n", right ? "as expected" : "wrong");
  return right ? 0 : 1;
}

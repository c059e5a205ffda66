// Attacks a linear classifier, for which the answer is known: every input moves by the radius, away from its class.
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/core/version.hpp>
#include <redoubt/norm/linf.hpp>

#include <ATen/ATen.h>

#include <cstdio>

int main() {
  const at::Tensor weights = at::tensor({1.0, -1.0}).reshape({1, 2});
  const auto model = [&](const at::Tensor& x) { return x.matmul(weights); };
  const at::Tensor x = at::full({4, 1}, 0.5, at::kDouble);
  const at::Tensor y = at::tensor({0, 1, 0, 1}, at::kLong);

  const at::Tensor moved = redoubt::fgsm{redoubt::linf{.radius = 0.1}}(model, x, y) - x;
  const at::Tensor expected = at::tensor({-0.1, 0.1, -0.1, 0.1}, at::kDouble).reshape({4, 1});
  const bool right = at::allclose(moved, expected);
  std::printf("redoubt %s: %s\n", redoubt::version, right ? "as expected" : "wrong");
  return right ? 0 : 1;
}

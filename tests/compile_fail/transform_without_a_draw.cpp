// expect: redoubt::a_transform
// expect: const redoubt::draw& where) -> at::Tensor
#include "parts.hpp"

at::Tensor attacked(const at::Tensor& x, const at::Tensor& y) {
  const auto darker = [](const at::Tensor& point) { return point.mul(0.5); };
  return redoubt::pgd{redoubt::linf{0.1}, {.transform = redoubt::composed{darker}}}(model, x, y);
}

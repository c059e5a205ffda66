// expect: redoubt::a_start
// expect: const redoubt::draw& where) -> at::Tensor
#include "parts.hpp"

at::Tensor attacked(const at::Tensor& x, const at::Tensor& y) {
  return redoubt::pgd{redoubt::linf{0.1}, {.start = x}}(model, x, y);
}

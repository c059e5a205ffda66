#include "library.hpp"

#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/linf.hpp>

namespace NAME {

at::Tensor attack(const at::Tensor& x, const at::Tensor& y, double radius) {
  return redoubt::pgd{redoubt::linf{.radius = radius}, {.step = radius / 2, .steps = 4}}(logits, x, y);
}

}  // namespace NAME

// expect: fgsm: the first part must be a ball
// expect: redoubt::a_ball
#include "parts.hpp"

at::Tensor attacked(const at::Tensor& x, const at::Tensor& y) {
  return redoubt::fgsm{0.1}(model, x, y);
}

// expect: redoubt::a_loss
// expect: (const at::Tensor& logits, const at::Tensor& y) -> at::Tensor
#include "parts.hpp"

at::Tensor attacked(const at::Tensor& x, const at::Tensor& y) {
  return redoubt::pgd{redoubt::linf{0.1}, {.loss = [](const at::Tensor& logits) { return logits.amax(1); }}}(model, x,
                                                                                                             y);
}

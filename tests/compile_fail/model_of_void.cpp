// expect: redoubt::a_classifier
// expect: the model must map a batch at::Tensor to logits at::Tensor
#include "parts.hpp"

at::Tensor attacked(const at::Tensor& x, const at::Tensor& y) {
  const auto mute = [](const at::Tensor&) {};
  return redoubt::pgd{redoubt::linf{0.1}, {}}(mute, x, y);
}

// expect: redoubt::a_stop_rule
// expect: (const redoubt::step_view& now) -> at::Tensor, a bool per sample
#include "parts.hpp"

at::Tensor attacked(const at::Tensor& x, const at::Tensor& y) {
  return redoubt::pgd{redoubt::linf{0.1}, {.stop = [](const redoubt::step_view&) { return 0.5; }}}(model, x, y);
}

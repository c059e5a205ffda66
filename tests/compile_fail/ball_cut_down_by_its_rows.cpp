// expect: a part's at(rows) must give a part of the same type
// expect: redoubt::has_rows
#include "parts.hpp"

struct own_ball : redoubt::linf {
  at::Tensor free;  // would be lost at the first dropped sample
  at::Tensor steepest(const at::Tensor& g) const { return g.sign().mul(free); }
};

at::Tensor attacked(const at::Tensor& x, const at::Tensor& y) {
  return redoubt::pgd{own_ball{{0.1}, x.gt(0)}, {}}(model, x, y);
}

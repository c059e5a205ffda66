// expect: redoubt::a_ball
// expect: ball.steepest(t)
#include "parts.hpp"

struct own_ball {
  redoubt::extent radius;
  static at::Tensor length(const at::Tensor& d) { return redoubt::linf::length(d); }
  at::Tensor& project_(at::Tensor& d) const { return radius.clamp_(d); }
  static at::Tensor sample(const at::Tensor& like, const at::Tensor&, const redoubt::draw&) { return like; }
};

at::Tensor attacked(const at::Tensor& x, const at::Tensor& y) {
  return redoubt::pgd{own_ball{0.1}, {.steps = 3}}(model, x, y);
}

// The counterpart of the other files: parts of a user's own that fit, in the same words.
#include "parts.hpp"

struct own_ball {
  redoubt::extent radius;
  static at::Tensor length(const at::Tensor& d) { return redoubt::linf::length(d); }
  at::Tensor& project_(at::Tensor& d) const { return radius.clamp_(d); }
  static at::Tensor steepest(const at::Tensor& g) { return g.sign(); }
  static at::Tensor sample(const at::Tensor& like, const at::Tensor&, const redoubt::draw&) { return like; }
  own_ball at(const at::Tensor& rows) const { return {radius.at(rows)}; }
};

struct own_rule {
  at::Tensor next(const own_ball& ball, const redoubt::step_view& now) { return ball.steepest(now.gradient); }
};

at::Tensor attacked(const at::Tensor& x, const at::Tensor& y) {
  const auto loss = [](const at::Tensor& logits, const at::Tensor&) { return logits.amax(1); };
  const auto from = [](const at::Tensor& point, const at::Tensor&, const redoubt::draw&) { return point; };
  const auto stop = [](const redoubt::step_view& now) { return now.loss.gt(1); };
  return redoubt::pgd{own_ball{0.1}, {.loss = loss, .start = from, .transform = from, .stop = stop}, own_rule{}}(model,
                                                                                                                 x, y);
}

// Attacks with steps of one's own: as long as the loss rises, then half as long. Start, transform and stop are lambdas.

#include <redoubt/attack/pgd.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/norm/l2.hpp>

#include <ATen/ATen.h>

#include <cstdio>

namespace {

// [example: step rule]
struct halving {
  at::Tensor size = {};  // [N], in steps of the length that the options ask for; undefined until the first gradient
  at::Tensor loss = {};  // [N] at the gradient before

  template <redoubt::a_ball Ball>
  at::Tensor next(const Ball& ball, const redoubt::step_view& now) {
    size = size.defined() ? size.where(now.loss.gt(loss), size.div(2)) : at::ones_like(now.loss);
    loss = now.loss;
    at::Tensor step = ball.steepest(now.gradient).mul(redoubt::per_sample(size, now.x));
    return now.point.sub(now.x).add(now.length.scale_(step));  // the attack moves it into ball and box
  }

  halving at(const at::Tensor& rows) const { return {redoubt::tensor_at(size, rows), redoubt::tensor_at(loss, rows)}; }
};
// [/example]

}  // namespace

int main() {
  constexpr std::int64_t samples = 64;
  const at::Tensor weights = at::arange(3 * 16).mul(1.7).sin().view({3, 16});
  const auto model = [&](const at::Tensor& x) { return x.matmul(weights.t()).mul(4).tanh(); };
  const at::Tensor x = at::arange(samples * 16).mul(0.7).cos().mul(0.2).add(0.5).view({samples, 16});
  const at::Tensor y = model(x).argmax(1);

  // [example: use a step rule]
  const redoubt::l2 ball{.radius = 0.5};
  const redoubt::pgd_options options{
      .step = 0.5,
      .steps = 20,
      .loss = redoubt::margin{},
      // At a draw of its own for each sample and restart, whatever the batch; the attack moves it into ball and box.
      .start = [](const at::Tensor& image, const at::Tensor& rows,
                  const redoubt::draw& where) { return redoubt::normal_like(image, rows, where).mul(0.1); },
      // The model is shown a darker image, and whether it is fooled is judged by the image itself.
      .transform = [](const at::Tensor& point, const at::Tensor&, const redoubt::draw&) { return point.mul(0.9); },
      // Wrong by a margin of 0.5 is wrong enough.
      .stop = [](const redoubt::step_view& now) { return now.loss.gt(0.5); }};
  const auto found = redoubt::pgd{ball, options, halving{}}.run(model, x, y);
  // [/example]
  const auto fooled = found.fooled.sum().item<std::int64_t>();
  const double farthest = redoubt::l2::length(found.adversarial.sub(x)).max().item<double>();
  std::printf("%lld of %lld fooled, at most %.3f away\n", static_cast<long long>(fooled),
              static_cast<long long>(samples), farthest);
  return fooled > 0 && farthest < 0.5 + 1e-6 ? 0 : 1;
}

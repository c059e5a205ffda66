// Attacks inside a ball of one's own: the l-infinity ball that leaves masked pixels alone (a logo, a border, a face).

#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/linf.hpp>

#include <ATen/ATen.h>

#include <cstdio>

namespace {

// [example: ball]
struct masked_linf {
  redoubt::extent radius;  // a number, or one per sample
  at::Tensor free;         // [N, ...] like x: 1 where a pixel may change, 0 where it may not

  // Each sample's length [N] in the norm that `radius` bounds.
  static at::Tensor length(const at::Tensor& d) { return redoubt::linf::length(d); }

  // The nearest admissible perturbation, in place.
  at::Tensor& project_(at::Tensor& d) const { return radius.clamp_(d.mul_(free)); }

  // The step of length 1 that most increases <g, step>.
  at::Tensor steepest(const at::Tensor& g) const { return g.sign().mul(free); }

  // A random start: a sample's depends on its row, not on its place in the batch.
  at::Tensor sample(const at::Tensor& like, const at::Tensor& rows, const redoubt::draw& where) const {
    return redoubt::linf{radius}.sample(like, rows, where).mul(free);
  }

  // The ball for some of the samples: called when others leave the batch. A ball without state per sample needs none.
  masked_linf at(const at::Tensor& rows) const { return {radius.at(rows), free.index_select(0, rows)}; }
};
// [/example]

}  // namespace

int main() {
  constexpr std::int64_t samples = 64;
  const at::Tensor weights = at::arange(3 * 64).mul(1.7).sin().view({3, 64});
  const auto model = [&](const at::Tensor& x) { return x.flatten(1).matmul(weights.t()); };  // any callable will do
  const at::Tensor x = at::arange(samples * 64).mul(0.7).cos().mul(0.2).add(0.5).view({samples, 1, 8, 8});
  const at::Tensor y = model(x).argmax(1);

  // Each sample may change in every pixel but a square, here or there.
  const at::Tensor free = at::ones_like(x);
  for (std::int64_t i = 0; i < samples; ++i) {
    free[i].narrow(1, i % 5, 4).narrow(2, i % 3, 4).zero_();
  }

  // [example: use a ball]
  const redoubt::pgd attack{masked_linf{.radius = 0.05, .free = free},
                            {.step = 0.01, .steps = 20, .drop_fooled = true}};
  const at::Tensor adversarial = attack(model, x, y);
  // [/example]
  const at::Tensor change = adversarial.sub(x).abs();
  const auto fooled = model(adversarial).argmax(1).ne(y).sum().item<std::int64_t>();
  const double behind = change.mul(free.eq(0)).max().item<double>();
  const double largest = change.max().item<double>();
  std::printf("%lld of %lld fooled; largest change %.3f, behind the mask %.3f\n", static_cast<long long>(fooled),
              static_cast<long long>(samples), largest, behind);
  return fooled > 0 && behind == 0 && largest < 0.05 + 1e-6 ? 0 : 1;
}

// Attacks with a loss of one's own: towards any of the classes that would do harm, not just away from the right one.

#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/linf.hpp>

#include <ATen/ATen.h>

#include <cstdio>

namespace {

// [example: loss]
/// How far the best of the wanted classes is above the label: positive where the attacker has what he wants.
struct towards_any {
  at::Tensor wanted;  // bool [N, C]: each sample's own

  at::Tensor operator()(const at::Tensor& logits, const at::Tensor& y) const {
    const at::Tensor best = logits.masked_fill(wanted.logical_not(), -1e9).amax(1);
    return best.sub(logits.gather(1, y.unsqueeze(1)).squeeze(1));
  }

  // The loss for some of the samples: called when others leave the batch. A loss without state per sample needs none.
  towards_any at(const at::Tensor& rows) const { return {wanted.index_select(0, rows)}; }
};
// [/example]

}  // namespace

int main() {
  constexpr std::int64_t samples = 64;
  constexpr std::int64_t classes = 6;
  const at::Tensor weights = at::arange(classes * 16).mul(1.7).sin().view({classes, 16});
  const auto model = [&](const at::Tensor& x) { return x.matmul(weights.t()); };  // any callable will do
  const at::Tensor x = at::arange(samples * 16).mul(0.7).cos().mul(0.2).add(0.5).view({samples, 16});
  const at::Tensor y = model(x).argmax(1);

  // Classes 0 and 1 do harm: to a sample that belongs to one of them, the other.
  const at::Tensor number = at::arange(classes).unsqueeze(0);
  const at::Tensor wanted = number.lt(2).logical_and(number.ne(y.unsqueeze(1)));
  const auto harmed = [&](const at::Tensor& images) {
    return wanted.gather(1, model(images).argmax(1, true)).sum().item<std::int64_t>();
  };

  // [example: use a loss]
  const redoubt::linf ball{.radius = 0.1};
  const redoubt::pgd away{ball, {.step = 0.02, .steps = 20}};
  const redoubt::pgd towards{ball, {.step = 0.02, .steps = 20, .loss = towards_any{wanted}}};
  // [/example]
  const std::int64_t by_chance = harmed(away(model, x, y));
  const std::int64_t on_purpose = harmed(towards(model, x, y));
  std::printf("of %lld samples end in a class that does harm: %lld by cross-entropy, %lld by the loss for it\n",
              static_cast<long long>(samples), static_cast<long long>(by_chance), static_cast<long long>(on_purpose));
  return on_purpose > by_chance ? 0 : 1;
}

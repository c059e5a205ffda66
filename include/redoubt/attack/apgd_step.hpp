#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <redoubt/attack/detail/highest_point.hpp>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/rows.hpp>
#include <utility>

namespace redoubt {

/// Whether AutoPGD looks back at its last steps when it stands at point `step` of `steps`.
///
/// At 22 % of the steps first, then at distances that shrink by 3 % of them, down to 6 %; each rounded up. There
/// is at least one step. Source: Croce & Hein 2020 (arXiv:2003.01690), section 3.
[[nodiscard]] constexpr bool is_apgd_checkpoint(int step, int steps) {
  // In hundredths: the sums of such fractions in floating point can end above a whole number.
  const auto point_at = [&](int hundredths) { return (static_cast<long long>(hundredths) * steps + 99) / 100; };
  int gap = 22;
  int hundredths = gap;
  while (point_at(hundredths) < step) {
    gap = std::max(gap - 3, 6);
    hundredths += gap;
  }
  return point_at(hundredths) == step;
}

/// AutoPGD's steps: momentum, and a length that halves where the climb stalls. The options' step is the first length.
///
/// z = project(x_k + length * steepest(gradient)), then x_k + inertia * (z - x_k) + (1 - inertia) * (x_k - x_(k-1)).
/// At each checkpoint (`is_apgd_checkpoint`) a sample's length halves, and it goes on from its best point, where
/// - the loss rose in less than a share `rho` of the steps since the last checkpoint, or
/// - since then neither the length nor the best loss has changed.
/// The first length in use elsewhere is two radii. Works per sample, without a look at the host. Ranges are not
/// checked. Memory: two points and a gradient a sample. Source: Croce & Hein 2020 (arXiv:2003.01690), algorithm 1 and
/// section 3.
struct apgd_step {
  double rho = 0.75;      ///< share of steps in which the loss must rise, in [0, 1]
  double inertia = 0.75;  ///< share of the new direction in a move, in [0, 1]; the rest is the last move's

  /// What the rule keeps of its climb. Begins empty.
  struct memory {
    detail::highest_point best;  ///< each sample's best point so far, its gradient and loss
    at::Tensor previous;         ///< [N, ...] the point before
    at::Tensor last_loss;        ///< [N] there
    at::Tensor factor;           ///< [N] the length of a step as a part of the first
    at::Tensor rises;            ///< [N] how often the loss rose since the last checkpoint
    at::Tensor checked_best;     ///< [N] the best loss at the last checkpoint
    at::Tensor halved;           ///< bool [N]: whether the length halved there
    int checked = 0;             ///< the last checkpoint's step
  } kept = {};                   ///< the rule's own

  /// The next perturbation [N, ...], before ball and box; takes `now` into what it keeps.
  template <a_ball Ball>
  [[nodiscard]] at::Tensor next(const Ball& ball, const step_view& now) {
    at::Tensor from = now.point;
    at::Tensor gradient = now.gradient;
    if (now.step == 0) {
      begin(now);
    } else {
      kept.rises = kept.rises.add(now.loss.gt(kept.last_loss));
      kept.best.offer(now);
      if (is_apgd_checkpoint(now.step, now.steps)) {
        look_back(now.step);
        const at::Tensor mask = broadcast_rows(kept.halved, from);
        from = kept.best.point.where(mask, from);
        gradient = kept.best.gradient.where(mask, gradient);
      }
    }
    kept.last_loss = now.loss;
    at::Tensor d = ball.steepest(gradient);
    now.length.scale_(d).mul_(per_sample(kept.factor, d)).add_(from).sub_(now.x);
    at::Tensor moved = constrained_point(ball, std::move(d), now.x, now.box);
    if (now.step > 0) {
      moved.mul_(inertia).add_(from, 2 - 2 * inertia).sub_(kept.previous, 1 - inertia);
    }
    kept.previous = from;
    return moved.sub_(now.x);
  }

  /// The rule for the samples `rows` (int64 [M]), with what it keeps of them.
  [[nodiscard]] apgd_step at(const at::Tensor& rows) const {
    return {rho,
            inertia,
            {kept.best.at(rows), tensor_at(kept.previous, rows), tensor_at(kept.last_loss, rows),
             tensor_at(kept.factor, rows), tensor_at(kept.rises, rows), tensor_at(kept.checked_best, rows),
             tensor_at(kept.halved, rows), kept.checked}};
  }

 private:
  void begin(const step_view& now) {
    kept.best = detail::highest_point::first(now);
    kept.factor = now.x.new_ones({now.x.size(0)});
    kept.rises = kept.factor.new_zeros(kept.factor.sizes());
    kept.checked_best = kept.best.loss;
    kept.halved = now.fooled.new_zeros(now.fooled.sizes());
    kept.checked = 0;
  }

  void look_back(int step) {
    const at::Tensor stalled = kept.rises.lt(rho * (step - kept.checked));
    const at::Tensor stuck = kept.checked_best.eq(kept.best.loss).logical_and_(kept.halved.logical_not());
    kept.halved = stalled.logical_or(stuck);
    kept.factor = kept.factor.mul(0.5).where(kept.halved, kept.factor);
    kept.checked_best = kept.best.loss;
    kept.rises = kept.rises.new_zeros(kept.rises.sizes());
    kept.checked = step;
  }
};

}  // namespace redoubt

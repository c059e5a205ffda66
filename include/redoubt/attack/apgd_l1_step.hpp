#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <redoubt/attack/detail/highest_point.hpp>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt {

/// AutoPGD's steps over l1: along the signs of the largest elements of the gradient, as many as the best point
/// suggests.
///
/// A step moves two thirds as many elements as the sample's best point has moved. Every 4 % of the steps a sample goes
/// back to its best point and to the first length where that point has become sparser by 5 %; elsewhere the length
/// shrinks by a third, to a tenth of the first at the least. The first length in use elsewhere is the radius.
/// Works per sample; the host looks on at each of these checks. Source: Croce & Hein 2021 (arXiv:2103.01208), section
/// 4 and algorithm 1.
struct apgd_l1_step {
  /// Share of the elements that the first steps move, in [0, 1]; 0: two thirds of those that the start has moved.
  double first_share = 0.2;

  /// What the rule keeps of its climb. Begins empty.
  struct memory {
    detail::highest_point best;  ///< each sample's best point so far, its gradient and loss
    at::Tensor factor;           ///< [N] the length of a step as a part of the first
    at::Tensor moving;           ///< int64 [N] how many elements a step moves; >= 1
    at::Tensor moved;            ///< [N] how many elements of the best point had moved at the last check
    std::int64_t most = 1;       ///< no less than the largest of `moving`
  } kept = {};                   ///< the rule's own

  /// The next perturbation [N, ...], before ball and box; takes `now` into what it keeps.
  template <a_ball Ball>
  [[nodiscard]] at::Tensor next(const Ball& /*ball*/, const step_view& now) {
    at::Tensor from = now.point;
    at::Tensor gradient = now.gradient;
    if (now.step == 0) {
      begin(now);
    } else {
      kept.best.offer(now);
      if (now.step % std::max(now.steps * 4 / 100, 1) == 0) {
        const at::Tensor back = broadcast_rows(look_back(now.x), from);
        from = kept.best.point.where(back, from);
        gradient = kept.best.gradient.where(back, gradient);
      }
    }
    // Elements that the box holds where they are would use up the step.
    at::Tensor d = signs_of_largest(now.box.free_part(gradient, from));
    return now.length.scale_(d).mul_(per_sample(kept.factor, d)).add_(from).sub_(now.x);
  }

  /// The rule for the samples `rows` (int64 [M]), with what it keeps of them.
  [[nodiscard]] apgd_l1_step at(const at::Tensor& rows) const {
    return {first_share,
            {kept.best.at(rows), tensor_at(kept.factor, rows), tensor_at(kept.moving, rows),
             tensor_at(kept.moved, rows), kept.most}};
  }

 private:
  void begin(const step_view& now) {
    kept.best = detail::highest_point::first(now);
    kept.factor = now.x.new_ones({now.x.size(0)});
    const std::int64_t elements = now.x.numel() / std::max<std::int64_t>(now.x.size(0), 1);
    if (first_share > 0) {
      kept.moved = kept.factor.mul(elements);
      move(kept.moved.mul(first_share));
    } else {
      kept.moved = moved_from(now.x);
      move(kept.moved.div(1.5));
    }
  }

  // Where to go back to the best point, bool [N].
  [[nodiscard]] at::Tensor look_back(const at::Tensor& x) {
    const at::Tensor moved = moved_from(x);
    at::Tensor sparser = moved.lt(kept.moved.mul(0.95));
    kept.factor = kept.factor.div(1.5).clamp_min_(0.1).masked_fill_(sparser, 1);
    kept.moved = moved;
    move(moved.div(1.5));
    return sparser;
  }

  [[nodiscard]] at::Tensor moved_from(const at::Tensor& x) const {
    return kept.best.point.ne(x).flatten(1).sum(1).to(kept.factor.scalar_type());
  }

  void move(const at::Tensor& count) {
    kept.moving = count.ceil().clamp_min(1).to(at::kLong);
    kept.most = kept.moving.numel() == 0 ? 1 : kept.moving.max().item<std::int64_t>();
  }

  // The signs of each sample's `moving` largest elements over their number; ties move along.
  [[nodiscard]] at::Tensor signs_of_largest(const at::Tensor& gradient) const {
    const at::Tensor g = gradient.flatten(1).nan_to_num(0);
    const at::Tensor size = g.abs();
    const at::Tensor largest = std::get<0>(size.topk(std::min(kept.most, size.size(1)), 1));
    const at::Tensor least = largest.gather(1, kept.moving.sub(1).unsqueeze(1));
    const at::Tensor signs = g.sign().mul_(size.ge(least));
    return signs.div_(signs.abs().sum(1, true).clamp_min_(1)).view(gradient.sizes());
  }
};

}  // namespace redoubt

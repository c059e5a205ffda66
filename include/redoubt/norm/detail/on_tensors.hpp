#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <limits>
#include <redoubt/core/box.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/norm/detail/tolerance.hpp>

// The projections of project_l1.hpp, project_l2.hpp and project_l0.hpp as operations on whole batches, for tensors that
// are not in the host's memory. See there for what they do and why. Each pass asks the device once whether it was the
// last: a fixed number of passes would be ten times as many.

namespace redoubt::detail {

/// The elements of a batch of perturbations, [N, D] each: magnitudes, and how far they may go.
struct batch_elements {
  at::Tensor magnitude;
  at::Tensor room;

  /// Of d [N, ...] within the box around x; x undefined: without one.
  static batch_elements of(const at::Tensor& d, const at::Tensor& x, const box& bounds) {
    const at::Tensor magnitude = d.abs().flatten(1);
    if (!x.defined()) {
      return {magnitude, magnitude.new_full({}, std::numeric_limits<double>::infinity())};
    }
    require(x.sizes() == d.sizes(), "project_into_: the perturbation is ", d.sizes(), ", the sample ", x.sizes());
    const at::Tensor clean = x.to(d.scalar_type());
    const at::Tensor down = clean.sub(bounds.lower.broadcast_over(clean));
    const at::Tensor up = bounds.upper.broadcast_over(clean).sub(clean);
    return {magnitude, down.where(d.lt(0), up).clamp_min_(0).flatten(1)};
  }

  [[nodiscard]] at::Tensor clipped() const { return magnitude.minimum(room); }

  /// double [N, 1]: what lies beyond the room; not finite where an element is not.
  [[nodiscard]] at::Tensor beyond() const { return magnitude.sub(clipped()).sum(1, true, at::kDouble); }

  /// d's elements become `next` [N, D] under their old signs; those of samples that are not finite become NaN.
  at::Tensor& write(at::Tensor& d, const at::Tensor& next) const {
    const at::Tensor whole = next.masked_fill(beyond().isfinite().logical_not(), std::nan(""));
    return d.copy_(whole.view(d.sizes()).copysign(d));
  }
};

[[nodiscard]] inline at::Tensor radii_of(const extent& radius, const at::Tensor& d) {
  return radius.broadcast_over(d).to(at::kDouble).view({d.size(0), 1});
}

[[nodiscard]] inline double length_tolerance_of(const at::Tensor& d) {
  return d.scalar_type() == at::kDouble ? length_tolerance<double> : length_tolerance<float>;
}

inline at::Tensor& project_l1_on_tensors(at::Tensor& d, const at::Tensor& x, const box& bounds, const extent& radius) {
  if (d.numel() == 0) {
    return d;
  }
  const auto elements = batch_elements::of(d, x, bounds);
  const at::Tensor target = radii_of(radius, d);
  const at::Tensor slack = target.mul(length_tolerance_of(d));
  const auto left_at = [&](const at::Tensor& shift) {
    const at::Tensor near = shift.to(d.scalar_type());
    const at::Tensor rest = shift.sub(near).to(d.scalar_type());
    return elements.magnitude.sub(near).sub_(rest).clamp_min_(0).minimum(elements.room);
  };
  at::Tensor low = target.new_zeros(target.sizes());
  at::Tensor high = elements.magnitude.amax(1, true).to(at::kDouble);
  at::Tensor shift = low;
  at::Tensor left = left_at(shift);
  at::Tensor excess = left.sum(1, true, at::kDouble).sub_(target);
  at::Tensor done = excess.le(slack).logical_or_(elements.beyond().isfinite().logical_not_());
  while (!done.all().item<bool>()) {
    const at::Tensor moving = left.gt(0).logical_and_(left.lt(elements.room)).sum(1, true, at::kDouble);
    const at::Tensor newton = shift.add(excess.div(moving));
    const at::Tensor halved = low.add(high.sub(low).div_(2));
    at::Tensor next = newton.where(newton.gt(low).logical_and_(newton.lt(high)), halved);
    const at::Tensor closed = next.le(low).logical_or_(next.ge(high));
    next = high.where(closed, next);
    shift = shift.where(done, next);
    left = left_at(shift);
    excess = left.sum(1, true, at::kDouble).sub_(target);
    low = shift.where(excess.gt(0), low);
    high = high.where(excess.gt(0), shift);
    done = done.logical_or(closed).logical_or_(excess.abs().le(slack));
  }
  return elements.write(d, left);
}

// In double precision throughout, which no square of a float32 overflows or vanishes in.
inline at::Tensor& project_l2_on_tensors(at::Tensor& d, const at::Tensor& x, const box& bounds, const extent& radius) {
  if (d.numel() == 0) {
    return d;
  }
  const auto elements = batch_elements::of(d, x, bounds);
  const double slack = length_tolerance_of(d);
  const at::Tensor target = radii_of(radius, d).square();
  const at::Tensor magnitude = elements.magnitude.to(at::kDouble);
  const at::Tensor room = elements.room.to(at::kDouble);
  const at::Tensor inside = elements.clipped().to(at::kDouble).square_().sum(1, true).le(target.mul(1 + 2 * slack));
  at::Tensor square = target.new_zeros(target.sizes());
  at::Tensor climbing = inside.logical_not();
  while (climbing.any().item<bool>()) {
    const at::Tensor stuck = magnitude.mul(square.sqrt()).ge(room);
    const at::Tensor growing = magnitude.square().masked_fill_(stuck, 0).sum(1, true);
    const at::Tensor still = room.square().masked_fill(stuck.logical_not(), 0).sum(1, true);
    const at::Tensor next = target.sub(still).div_(growing);
    climbing = climbing.logical_and(next.gt(square.mul(1 + slack / 4)));
    square = next.where(climbing, square);
  }
  const at::Tensor scale = square.sqrt_().masked_fill(inside, 1).to(d.scalar_type());
  return elements.write(d, elements.magnitude.mul(scale).minimum(elements.room));
}

/// bool [N, D]: which elements of rank [N, D] are the `keep` (double [N, 1]) largest of their sample; of equals the
/// first.
[[nodiscard]] inline at::Tensor largest_of(const at::Tensor& rank, const at::Tensor& keep) {
  const at::Tensor order = rank.argsort(/*stable=*/true, 1, /*descending=*/true);
  const at::Tensor place = row_numbers(rank.size(1), rank).unsqueeze(0);
  return keep.new_zeros(rank.sizes(), at::kBool).scatter_(1, order, place.lt(keep));
}

inline at::Tensor& project_l0_on_tensors(at::Tensor& d, const at::Tensor& x, const box& bounds, const extent& count) {
  if (d.numel() == 0) {
    return d;
  }
  const auto elements = batch_elements::of(d, x, bounds);
  const at::Tensor keep = radii_of(count, d).floor();
  const at::Tensor kept = elements.clipped();
  const at::Tensor largest = elements.magnitude.amax(1, true);
  const at::Tensor share = kept.div(largest);
  const at::Tensor gain = elements.magnitude.div(largest).mul_(2).sub_(share).mul_(share);
  const at::Tensor rank = gain.where(elements.beyond().gt(0), elements.magnitude);
  const at::Tensor all = elements.magnitude.gt(0).sum(1, true).le(keep);
  return elements.write(d, kept.mul(largest_of(rank, keep).logical_or_(all)));
}

inline at::Tensor& signs_of_largest_on_tensors(at::Tensor& g, const extent& most) {
  if (g.numel() == 0) {
    return g;
  }
  const auto elements = batch_elements::of(g, {}, {});
  const at::Tensor signs = elements.magnitude.gt(0).sum(1, true, at::kDouble).minimum(radii_of(most, g));
  const at::Tensor size = signs.reciprocal().to(g.scalar_type());
  return elements.write(g, size.where(largest_of(elements.magnitude, signs), elements.magnitude.new_zeros({})));
}

}  // namespace redoubt::detail

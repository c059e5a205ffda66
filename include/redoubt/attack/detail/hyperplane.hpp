#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <limits>
#include <redoubt/attack/detail/hyperplane_row.hpp>
#include <redoubt/core/box.hpp>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/extent.hpp>
#include <vector>

namespace redoubt {
struct linf;
struct l2;
struct l1;
}  // namespace redoubt

namespace redoubt::detail {

/// Which metric a ball measures in: what must be known to move onto a hyperplane. One overload for each such ball.
constexpr metric metric_of(const linf& /*ball*/) {
  return metric::linf;
}
constexpr metric metric_of(const l2& /*ball*/) {
  return metric::l2;
}
constexpr metric metric_of(const l1& /*ball*/) {
  return metric::l1;
}

/// A ball whose distance to a hyperplane in a box is known.
template <class Ball>
concept reaches_hyperplanes = requires(const Ball& ball) {
  metric_of(ball);
};

/// The size of each row of w [N, ...] in the dual norm, float64 [N]: what a move of length 1 raises <w, .> by, at most.
[[nodiscard]] inline at::Tensor dual_length(metric norm, const at::Tensor& w) {
  constexpr double largest = std::numeric_limits<double>::infinity();
  const double power = norm == metric::linf ? 1 : norm == metric::l2 ? 2 : largest;
  return w.flatten(1).norm(power, {1}, false, at::kDouble);
}

/// `move_to_hyperplane` for rows on the CPU; all tensors contiguous, of the type Real, bounds float64 [D].
template <class Real>
void move_rows(metric norm, const at::Tensor& point, const at::Tensor& normal, const at::Tensor& rise,
               const at::Tensor& lower, const at::Tensor& upper, at::Tensor& move) {
  const std::int64_t size = lower.size(0);
  const Real* const points = detail::elements_of<Real>(point);
  const Real* const normals = detail::elements_of<Real>(normal);
  const double* const rises = detail::elements_of<double>(rise);
  const double* const low = detail::elements_of<double>(lower);
  const double* const high = detail::elements_of<double>(upper);
  Real* const moves = move.mutable_data_ptr<Real>();
  constexpr std::int64_t elements_worth_a_thread = 32768;
  const std::int64_t grain = elements_worth_a_thread / std::max<std::int64_t>(size, 1) + 1;
  at::parallel_for(0, point.size(0), grain, [&](std::int64_t first, std::int64_t last) {
    hyperplane_scratch scratch{size};
    for (std::int64_t i = first; i < last; ++i) {
      move_to_hyperplane<Real>(norm, {points + i * size, normals + i * size, low, high, size, rises[i]}, scratch,
                               moves + i * size);
    }
  });
}

/// The same by operations on whole tensors, for any device: pull and room [N, D] as in `hyperplane_scratch`, rise [N,
/// 1] >= 0. Returns how far each element goes along its pull.
[[nodiscard]] inline at::Tensor batch_moves(metric norm, const at::Tensor& weight, const at::Tensor& room,
                                            const at::Tensor& rise) {
  const at::Tensor gain = weight.mul(room);
  if (norm == metric::l1) {
    const at::Tensor order = weight.argsort(/*stable=*/true, 1, /*descending=*/true);
    const at::Tensor sorted = gain.gather(1, order);
    const at::Tensor missing = rise.sub(sorted.cumsum(1, at::kDouble)).add_(sorted);
    const at::Tensor share = missing.div(sorted.masked_fill(sorted.eq(0), 1)).clamp_(0, 1).to(room.scalar_type());
    return room.mul(at::Tensor{room.new_zeros(room.sizes())}.scatter_(1, order, share));
  }
  const at::Tensor slope = norm == metric::l2 ? weight.square() : weight;
  at::Tensor t = rise.new_zeros(rise.sizes());
  // Fewer would do: the missing rise times the slope falls to a quarter each time. No look at the values, which would
  // wait for the device.
  constexpr int rounds = 40;
  for (int round = 0; round < rounds; ++round) {
    const at::Tensor moves = slope.mul(t).lt(gain);
    const at::Tensor steep = slope.mul(moves).sum({1}, true, at::kDouble);
    const at::Tensor rest = gain.masked_fill(moves, 0).sum({1}, true, at::kDouble);
    t = rise.sub(rest).div_(steep).masked_fill_(steep.eq(0), std::numeric_limits<double>::infinity()).maximum(t);
  }
  const at::Tensor wanted = norm == metric::l2 ? weight.mul(t) : t.expand(weight.sizes());
  return wanted.nan_to_num(0).to(room.scalar_type()).minimum(room);
}

/// `onto_hyperplane` by operations on whole tensors, for any device.
[[nodiscard]] inline at::Tensor onto_hyperplane_batch(metric norm, const at::Tensor& point, const at::Tensor& normal,
                                                      const at::Tensor& rise, const box& bounds) {
  const at::Tensor up = per_sample(rise, point).flatten(1).to(at::kDouble);
  at::Tensor pull = normal.masked_fill(normal.isfinite().logical_not(), 0).flatten(1);
  pull = pull.mul(up.lt(0).to(pull.scalar_type()).mul_(-2).add_(1));
  const at::Tensor most = pull.abs().amax(1, true);
  const at::Tensor scale = most.masked_fill(most.eq(0), 1);
  pull.div_(scale);
  const at::Tensor raised = bounds.upper.broadcast_over(point).sub(point).flatten(1);
  const at::Tensor lowered = point.sub(bounds.lower.broadcast_over(point)).flatten(1);
  const at::Tensor room = raised.where(pull.gt(0), lowered).clamp_min_(0).masked_fill_(pull.eq(0), 0);
  const at::Tensor far = batch_moves(norm, pull.abs(), room, up.abs().div_(scale).nan_to_num_(0));
  return far.mul_(pull.sign()).view_as(point);
}

/// The least move d of each point, in `metric`, with <normal, d> = rise and point + d in the box.
///
/// point, normal [N, ...] float32 or float64, rise float64 [N] of either sign, on one device -> like point. Where the
/// box does not reach the hyperplane, the move to the corner nearest to it; where the normal is zero or the rise NaN,
/// zero. Exact to a rounding of point's type; sort-free on the CPU: O(D) a row (over l1 on average).
/// Source: the problem is that of Croce & Hein 2020 (arXiv:1907.02044), section 2.
[[nodiscard]] inline at::Tensor onto_hyperplane(metric norm, const at::Tensor& point, const at::Tensor& normal,
                                                const at::Tensor& rise, const box& bounds) {
  if (!point.is_cpu()) {
    return onto_hyperplane_batch(norm, point, normal, rise, bounds);
  }
  std::vector<std::int64_t> one = point.sizes().vec();
  one[0] = 1;
  const auto row_of = [&](const bound& side) {
    return side.broadcast_over(point).to(at::kDouble).expand(one).contiguous().flatten();
  };
  const at::Tensor lower = row_of(bounds.lower);
  const at::Tensor upper = row_of(bounds.upper);
  const at::Tensor points = point.contiguous();
  const at::Tensor normals = normal.contiguous();
  const at::Tensor rises = rise.to(at::kDouble).contiguous();
  at::Tensor move = points.new_empty(points.sizes());
  if (point.scalar_type() == at::kDouble) {
    move_rows<double>(norm, points, normals, rises, lower, upper, move);
  } else {
    move_rows<float>(norm, points, normals, rises, lower, upper, move);
  }
  return move;
}

}  // namespace redoubt::detail

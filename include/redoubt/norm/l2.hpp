#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/core/box.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/norm/detail/ball_steps.hpp>
#include <redoubt/norm/detail/device_step.hpp>
#include <redoubt/norm/detail/on_host.hpp>
#include <redoubt/norm/detail/on_tensors.hpp>
#include <redoubt/norm/detail/project_l2.hpp>
#include <redoubt/norm/detail/step_by_sample.hpp>
#include <redoubt/norm/detail/step_layout.hpp>
#include <redoubt/norm/detail/step_on_device.hpp>

namespace redoubt {

/// The ball {d : sqrt(sum_i d_i^2) <= radius} of perturbations, per sample.
struct l2 {
  extent radius;  ///< in units of the input; >= 0

  static constexpr const char* name = "l2";  ///< as reports and the command line spell it

  /// sqrt(sum_i d_i^2) of each sample of d [N, ...]: [N].
  [[nodiscard]] static at::Tensor length(const at::Tensor& d) { return d.flatten(1).norm(2, 1); }

  /// The nearest point of the ball to each sample of d, in place: a sample outside is scaled onto the sphere.
  at::Tensor& project_(at::Tensor& d) const {
    const at::Tensor size = per_sample(length(d), d);
    const at::Tensor bound = radius.broadcast_over(d);
    // A comparison, not a guard added to the divisor: a sample inside is returned as it was, bit by bit.
    return d.mul_(bound.div(size).masked_fill_(size.le(bound), 1));
  }

  /// The nearest point of ball AND box to each sample of the perturbation d of x [N, ...], in place.
  ///
  /// The Euclidean projection; its length is at most the radius times 1 + 3e-7 (1e-13 in double precision). A sample
  /// that is inside, to that tolerance, stays as it is, bit by bit; one with an element that is not finite becomes NaN.
  /// Throws std::invalid_argument where x has another shape. Cost: 5 to 9 passes over d.
  at::Tensor& project_into_(at::Tensor& d, const at::Tensor& x, const box& bounds) const {
    if (!detail::is_on_host(d)) {
      return detail::project_l2_on_tensors(d, x, bounds, radius);
    }
    return detail::for_each_sample(d, x, bounds, radius,
                                   [](auto& elements, double size) { detail::project_l2(elements, size); });
  }

  /// The step of length 1 that most increases <g, step>: g / ||g||; zero where g is zero or NaN.
  [[nodiscard]] static at::Tensor steepest(const at::Tensor& g) {
    at::Tensor direction = g.nan_to_num(0);
    // Scaled by the largest element first: the squares of a saturated model's gradients underflow in float32.
    const at::Tensor largest = direction.flatten(1).abs().amax(1);
    direction.div_(per_sample(largest.masked_fill(largest.eq(0), 1), direction));
    const at::Tensor size = length(direction);
    return direction.div_(per_sample(size.masked_fill(size.eq(0), 1), direction));
  }

  /// Moves `point` [N, ...] by a step of `length` along g / ||g||, into ball and box around x, in one pass; or says no.
  ///
  /// To a rounding what the operations give one after the other. Whose memory it uses and when it returns false: see
  /// linf's; samples that do not lie one after the other are copied.
  [[nodiscard]] bool step_(at::Tensor& point, const at::Tensor& g, const at::Tensor& x, const extent& length,
                           const box& bounds, double /*progress*/) const {
    const detail::step_request asked{point, g, x, radius, length, bounds};
    constexpr detail::l2_step step;
    return detail::step_by_sample(asked, step) ||
           detail::step_on_device(redoubt_cuda_step_l2, asked, {.by_sample = true, .in_order = step.in_order});
  }

  /// Such a step along momentum, which takes g in: see linf's.
  [[nodiscard]] bool step_gathering_(at::Tensor& point, at::Tensor& gathered, double decay, const at::Tensor& g,
                                     const at::Tensor& x, const extent& length, const box& bounds,
                                     double /*progress*/) const {
    return detail::step_on_device(redoubt_cuda_step_l2, {point, g, x, radius, length, bounds, {&gathered, decay}},
                                  {.by_sample = true, .in_order = detail::l2_step::in_order});
  }

  /// A uniform draw from the ball for each sample of `like` [N, ...], float32; `rows` says which sample each is.
  ///
  /// A normal vector on the unit sphere times radius U^(1/D) (Muller 1959), so that D = 784 rarely lies near the
  /// centre. Throws as `normal_like`.
  [[nodiscard]] at::Tensor sample(const at::Tensor& like, const at::Tensor& rows, const draw& where) const {
    at::Tensor d = steepest(normal_like(like, rows, where));
    const std::int64_t dimensions = like.size(0) == 0 ? 1 : like.numel() / like.size(0);
    // The radius comes from a seed of its own: the normals have used up this one's counters.
    const draw other{.seed = ~where.seed, .restart = where.restart, .step = where.step};
    const at::Tensor u = uniform_like(like.flatten(1).narrow(1, 0, 1), rows, other).flatten();
    d.mul_(per_sample(u.pow(1.0 / static_cast<double>(dimensions)), d));
    return radius.scale_(d);
  }

  /// The ball for the samples `rows` (int64 [M]).
  [[nodiscard]] l2 at(const at::Tensor& rows) const { return {radius.at(rows)}; }
};

}  // namespace redoubt

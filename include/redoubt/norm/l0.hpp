#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/core/box.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/norm/detail/ball_steps.hpp>
#include <redoubt/norm/detail/device_step.hpp>
#include <redoubt/norm/detail/on_host.hpp>
#include <redoubt/norm/detail/on_tensors.hpp>
#include <redoubt/norm/detail/project_l0.hpp>
#include <redoubt/norm/detail/step_by_sample.hpp>
#include <redoubt/norm/detail/step_layout.hpp>
#include <redoubt/norm/detail/step_on_device.hpp>

namespace redoubt {

/// The ball {d : at most `count` elements of d are not 0} of perturbations, per sample.
struct l0 {
  extent count;  ///< elements that may change, rounded down; >= 0

  static constexpr const char* name = "l0";  ///< as reports and the command line spell it

  /// How many elements of each sample of d [N, ...] are not 0: [N], of d's dtype.
  [[nodiscard]] static at::Tensor length(const at::Tensor& d) {
    return d.flatten(1).ne(0).sum(1, false, d.scalar_type());
  }

  /// A nearest point of the ball to each sample of d, in place: the largest elements stay, of equal ones the first.
  at::Tensor& project_(at::Tensor& d) const { return project_into_(d, {}, {}); }

  /// A nearest point of ball AND box to each sample of the perturbation d of x [N, ...], in place.
  ///
  /// The elements stay, each moved into its box, that gain most by it; of equal ones the first. A sample that is inside
  /// stays as it is, bit by bit; one with an element that is not finite becomes NaN. Throws std::invalid_argument where
  /// x has another shape. Cost: some 20 passes over d.
  at::Tensor& project_into_(at::Tensor& d, const at::Tensor& x, const box& bounds) const {
    if (!detail::is_on_host(d)) {
      return detail::project_l0_on_tensors(d, x, bounds, count);
    }
    return detail::for_each_sample(d, x, bounds, count,
                                   [](auto& elements, double most) { detail::project_l0(elements, most); });
  }

  /// g over its largest element; zero where g is zero or NaN.
  ///
  /// No step is the steepest: the ball says how many elements change and not how far. A step of s moves the element of
  /// the largest gradient by s, in units of the input, and the projection chooses who stays moved: with a step of many
  /// widths of the box those whose gradient times their room is largest.
  [[nodiscard]] static at::Tensor steepest(const at::Tensor& g) {
    at::Tensor direction = g.nan_to_num(0);
    const at::Tensor largest = direction.flatten(1).abs().amax(1);
    return direction.div_(per_sample(largest.masked_fill(largest.eq(0), 1), direction));
  }

  /// Moves `point` [N, ...] by a step of `length` along g over its largest element, into ball and box around x, in one
  /// pass; or says no.
  ///
  /// To a rounding what the operations give one after the other. Whose memory it uses and when it returns false: see
  /// linf's; tensors that are not contiguous are copied.
  [[nodiscard]] bool step_(at::Tensor& point, const at::Tensor& g, const at::Tensor& x, const extent& length,
                           const box& bounds, double /*progress*/) const {
    const detail::step_request asked{point, g, x, count, length, bounds};
    constexpr detail::l0_step step;
    return detail::step_by_sample(asked, step) ||
           detail::step_on_device(redoubt_cuda_step_l0, asked, {.by_sample = true, .in_order = step.in_order});
  }

  /// Such a step along momentum, which takes g in: see linf's.
  [[nodiscard]] bool step_gathering_(at::Tensor& point, at::Tensor& gathered, double decay, const at::Tensor& g,
                                     const at::Tensor& x, const extent& length, const box& bounds,
                                     double /*progress*/) const {
    return detail::step_on_device(redoubt_cuda_step_l0, {point, g, x, count, length, bounds, {&gathered, decay}},
                                  {.by_sample = true, .in_order = detail::l0_step::in_order});
  }

  /// For each sample of `like` [N, ...] `count` elements at random, uniform in [-1, 1], float32, the others 0; `rows`
  /// says which sample each is.
  ///
  /// The ball has no uniform draw, as it has no end: [-1, 1] is as far as the box [0, 1] lets an element go. Throws as
  /// `uniform_like`.
  [[nodiscard]] at::Tensor sample(const at::Tensor& like, const at::Tensor& rows, const draw& where) const {
    // From a seed of its own: who changes says nothing of how far.
    const draw other{.seed = ~where.seed, .restart = where.restart, .step = where.step};
    at::Tensor chosen = uniform_like(like, rows, other).add_(1);
    project_(chosen);
    return uniform_like(like, rows, where).mul_(2).sub_(1).mul_(chosen.gt(0));
  }

  /// The ball for the samples `rows` (int64 [M]).
  [[nodiscard]] l0 at(const at::Tensor& rows) const { return {count.at(rows)}; }
};

}  // namespace redoubt

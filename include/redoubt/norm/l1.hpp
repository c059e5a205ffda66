#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <redoubt/core/box.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/norm/detail/ball_steps.hpp>
#include <redoubt/norm/detail/device_step.hpp>
#include <redoubt/norm/detail/on_host.hpp>
#include <redoubt/norm/detail/on_tensors.hpp>
#include <redoubt/norm/detail/project_l0.hpp>
#include <redoubt/norm/detail/project_l1.hpp>
#include <redoubt/norm/detail/step_by_sample.hpp>
#include <redoubt/norm/detail/step_layout.hpp>
#include <redoubt/norm/detail/step_on_device.hpp>

namespace redoubt {

/// The ball {d : sum_i |d_i| <= radius} of perturbations, per sample.
struct l1 {
  extent radius;         ///< in units of the input; >= 0
  double share = 0.045;  ///< of a sample's elements that a step moves; in (0, 1]

  static constexpr const char* name = "l1";  ///< as reports and the command line spell it
  /// Attacks begin in a ball of so many radii (see `pgd`): from inside, elements that want to move far cannot be told
  /// from those that want to move at all.
  static constexpr double widest = 3;

  /// sum_i |d_i| of each sample of d [N, ...]: [N].
  [[nodiscard]] static at::Tensor length(const at::Tensor& d) { return d.flatten(1).norm(1, 1); }

  /// The nearest point of the ball to each sample of d, in place.
  at::Tensor& project_(at::Tensor& d) const { return project_into_(d, {}, {}); }

  /// The nearest point of ball AND box to each sample of the perturbation d of x [N, ...], in place.
  ///
  /// The Euclidean projection; its length is at most the radius times 1 + 3e-7 (1e-13 in double precision). A sample
  /// that is inside, to that tolerance, stays as it is, bit by bit; one with an element that is not finite becomes NaN.
  /// Throws std::invalid_argument where x has another shape. Cost: 5 to 12 passes over d; nothing is sorted.
  at::Tensor& project_into_(at::Tensor& d, const at::Tensor& x, const box& bounds) const {
    if (!detail::is_on_host(d)) {
      return detail::project_l1_on_tensors(d, x, bounds, radius);
    }
    return detail::for_each_sample(d, x, bounds, radius,
                                   [](auto& elements, double size) { detail::project_l1(elements, size); });
  }

  /// A step of length 1 along the signs of the largest elements of g, `share` of them and at least one; zero where g is
  /// zero or NaN.
  ///
  /// Not the steepest, which moves one element alone: hundreds of steps of that kind do not get through an image.
  /// Source: Tramer & Boneh 2019 (arXiv:1904.13000), section 4 (SLIDE). Cost: some 20 passes over g; nothing is sorted.
  /// Throws std::invalid_argument for a share out of range.
  [[nodiscard]] at::Tensor steepest(const at::Tensor& g) const { return signs_of(g.nan_to_num(0), 1); }

  /// The step of a run that stands at `point` [N, ...] in a box, `progress` in [0, 1] of its steps done.
  ///
  /// Of elements that the box lets move along g, and of `spread` shares at first, down to the `spread`-th part of one
  /// at last: a wide step finds out where to go, a narrow one goes there. Measured: steps of one radius do best, and
  /// shares that stay the same leave a tenth more of the images unfooled on an adversarially trained model. Throws as
  /// `steepest`.
  [[nodiscard]] at::Tensor steepest_from(const at::Tensor& g, const at::Tensor& point, const box& bounds,
                                         double progress) const {
    return signs_of(bounds.free_part(g, point).nan_to_num_(0), shares_at(progress));
  }

  /// Moves `point` [N, ...] by a step of `length` along `steepest_from`, into ball and box around x, in one pass; or
  /// says no.
  ///
  /// To a rounding what the operations give one after the other. Whose memory it uses and when it returns false: see
  /// linf's; tensors that are not contiguous are copied.
  [[nodiscard]] bool step_(at::Tensor& point, const at::Tensor& g, const at::Tensor& x, const extent& length,
                           const box& bounds, double progress) const {
    const detail::step_request asked{point, g, x, radius, length, bounds};
    const detail::l1_step step{moved_elements(g, shares_at(progress))};
    return detail::step_by_sample(asked, step) ||
           detail::step_on_device(redoubt_cuda_step_l1, asked, {.by_sample = true, .in_order = step.in_order},
                                  step.most);
  }

  /// Such a step along momentum, which takes g in: see linf's.
  [[nodiscard]] bool step_gathering_(at::Tensor& point, at::Tensor& gathered, double decay, const at::Tensor& g,
                                     const at::Tensor& x, const extent& length, const box& bounds,
                                     double progress) const {
    return detail::step_on_device(redoubt_cuda_step_l1, {point, g, x, radius, length, bounds, {&gathered, decay}},
                                  {.by_sample = true, .in_order = detail::l1_step::in_order},
                                  moved_elements(g, shares_at(progress)));
  }

  /// A uniform draw from the ball for each sample of `like` [N, ...], float32; `rows` says which sample each is.
  ///
  /// Laplace numbers over the sum of their sizes and one exponential number more (Barthe, Guedon, Mendelson & Naor
  /// 2005, Ann. Probab. 33, theorem 1). Throws as `laplace_like`.
  [[nodiscard]] at::Tensor sample(const at::Tensor& like, const at::Tensor& rows, const draw& where) const {
    at::Tensor d = laplace_like(like, rows, where);
    // From a seed of its own: the elements have used up this one's counters.
    const draw other{.seed = ~where.seed, .restart = where.restart, .step = where.step};
    const at::Tensor more = laplace_like(like.flatten(1).narrow(1, 0, 1), rows, other).abs_().flatten();
    d.div_(per_sample(length(d).add_(more), d));
    return radius.scale_(d);
  }

  /// The ball for the samples `rows` (int64 [M]).
  [[nodiscard]] l1 at(const at::Tensor& rows) const { return {radius.at(rows), share}; }

 private:
  static constexpr double spread = 9;

  [[nodiscard]] static double shares_at(double progress) { return std::pow(spread, 1 - 2 * progress); }

  // How many elements of a sample a step moves at most.
  [[nodiscard]] double moved_elements(const at::Tensor& g, double shares) const {
    require(share > 0 && share <= 1, "l1: share must lie in (0, 1], got ", share);
    const std::int64_t size = g.numel() == 0 ? 1 : g.numel() / g.size(0);
    const auto width = static_cast<double>(size);
    return std::clamp(std::ceil(share * shares * width), 1.0, width);
  }

  [[nodiscard]] at::Tensor signs_of(at::Tensor g, double shares) const {
    const double most = moved_elements(g, shares);
    if (!detail::is_on_host(g)) {
      return detail::signs_of_largest_on_tensors(g, most);
    }
    return detail::for_each_sample(g, {}, {}, most,
                                   [](auto& elements, double count) { detail::signs_of_largest(elements, count); });
  }
};

}  // namespace redoubt

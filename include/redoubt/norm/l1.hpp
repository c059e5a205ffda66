#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <redoubt/core/box.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/norm/detail/on_host.hpp>
#include <redoubt/norm/detail/on_tensors.hpp>
#include <redoubt/norm/detail/project_l0.hpp>
#include <redoubt/norm/detail/project_l1.hpp>

namespace redoubt {

/// The ball {d : sum_i |d_i| <= radius} of perturbations, per sample.
struct l1 {
  extent radius;        ///< in units of the input
  double share = 0.05;  ///< of a sample's elements that a step moves; in (0, 1]

  static constexpr const char* name = "l1";

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

  /// A step of length 1 along the signs of the largest elements of g, `share` of them; zero where g is zero or NaN.
  ///
  /// Not the steepest, which moves one element alone: hundreds of steps of that kind do not get through an image.
  /// Source: Tramer & Boneh 2019 (arXiv:1904.13000), section 4 (SLIDE).
  [[nodiscard]] at::Tensor steepest(const at::Tensor& g) const {
    at::Tensor step = g.nan_to_num(0);
    const double width = g.size(0) == 0 ? 1 : static_cast<double>(g.numel() / g.size(0));
    const double moved = std::clamp(std::ceil(share * width), 1.0, width);
    if (!detail::is_on_host(step)) {
      return detail::signs_of_largest_on_tensors(step, moved);
    }
    return detail::for_each_sample(step, {}, {}, moved,
                                   [](auto& elements, double most) { detail::signs_of_largest(elements, most); });
  }

  /// A uniform draw from the ball for each sample of `like` [N, ...], float32; `rows` says which sample each is.
  ///
  /// Laplace numbers over the sum of their sizes and one exponential number more (Barthe, Guedon, Mendelson & Naor
  /// 2005, Ann. Probab. 33, theorem 1).
  [[nodiscard]] at::Tensor sample(const at::Tensor& like, const at::Tensor& rows, const draw& where) const {
    at::Tensor d = laplace_like(like, rows, where);
    // From a seed of its own: the elements have used up this one's counters.
    const draw other{.seed = ~where.seed, .restart = where.restart, .step = where.step};
    const at::Tensor more = laplace_like(like.flatten(1).narrow(1, 0, 1), rows, other).abs_().flatten();
    d.div_(per_sample(length(d).add_(more), d));
    return radius.scale_(d);
  }

  [[nodiscard]] l1 at(const at::Tensor& rows) const { return {radius.at(rows), share}; }
};

}  // namespace redoubt

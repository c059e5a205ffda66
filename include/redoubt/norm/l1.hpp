#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <redoubt/core/box.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/norm/detail/on_host.hpp>
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
  at::Tensor& project_into_(at::Tensor& d, const at::Tensor& x, const box& bounds) const {
    return detail::for_each_sample(d, x, bounds, radius,
                                   [](auto& elements, double size) { detail::project_l1(elements, size); });
  }

  /// A step of length 1 along the signs of the largest elements of g, `share` of them; zero where g is zero or NaN.
  ///
  /// Not the steepest, which moves one element alone: hundreds of steps of that kind do not get through an image.
  /// Source: Tramer & Boneh 2019 (arXiv:1904.13000), section 4 (SLIDE).
  [[nodiscard]] at::Tensor steepest(const at::Tensor& g) const {
    const at::Tensor direction = g.flatten(1).nan_to_num(0);
    if (direction.numel() == 0) {
      return g.clone();
    }
    const at::Tensor size = direction.abs();
    const auto moved = static_cast<std::int64_t>(std::ceil(share * static_cast<double>(direction.size(1))));
    const at::Tensor least = std::get<0>(size.topk(std::clamp<std::int64_t>(moved, 1, direction.size(1)), 1));
    const at::Tensor step = direction.sign().mul_(size.ge(least.amin(1, true)));
    return step.div_(step.abs().sum(1, true).clamp_min_(1)).view(g.sizes());
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

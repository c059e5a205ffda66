#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt {

/// Steps of Adam's, up the loss: d + length * m / (sqrt(v) + small), m and v the running means of gradient and square.
///
/// `length` is that of one element's step, whatever the ball. For gradients that are estimates: what is noise averages
/// out over the steps. Ranges are not checked. Memory: two more points a sample. Source: Kingma & Ba 2015
/// (arXiv:1412.6980), algorithm 1.
struct adam {
  double decay = 0.9;           ///< of the mean gradient, in [0, 1)
  double square_decay = 0.999;  ///< of the mean square, in [0, 1)
  double small = 1e-8;          ///< keeps the divisor away from zero; > 0
  at::Tensor mean = {};         ///< [N, ...] running mean of the gradient: the rule's own
  at::Tensor square = {};       ///< [N, ...] running mean of its square: the rule's own

  /// The next perturbation [N, ...]; takes the gradient into its means. A NaN in it counts as 0.
  template <a_ball Ball>
  [[nodiscard]] at::Tensor next(const Ball& /*ball*/, const step_view& now) {
    const at::Tensor gradient = now.gradient.nan_to_num(0, 0, 0);
    mean = mean.defined() ? mean.mul(decay).add_(gradient, 1 - decay) : gradient.mul(1 - decay);
    square = square.defined() ? square.mul(square_decay).addcmul_(gradient, gradient, 1 - square_decay)
                              : gradient.square().mul_(1 - square_decay);
    const double seen = now.step + 1;
    const double of_mean = 1 - std::pow(decay, seen);
    const double of_square = 1 - std::pow(square_decay, seen);
    at::Tensor step = mean.div(of_mean).div_(square.div(of_square).sqrt_().add_(small));
    return now.point.sub(now.x).add_(now.length.scale_(step));
  }

  /// The rule for the samples `rows` (int64 [M]), with what it has gathered of them.
  [[nodiscard]] adam at(const at::Tensor& rows) const {
    return {decay, square_decay, small, tensor_at(mean, rows), tensor_at(square, rows)};
  }
};

}  // namespace redoubt

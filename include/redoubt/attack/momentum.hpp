#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <redoubt/attack/detail/device_gather.hpp>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/detail/device.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/norm/detail/stored_on_device.hpp>

namespace redoubt {

namespace detail {

/// Each sample of g [N, ...] divided by its l1 norm; zero where it is zero or NaN.
[[nodiscard]] inline at::Tensor in_l1_units(const at::Tensor& g) {
  at::Tensor unit = g.nan_to_num(0);
  // Scaled by the largest element first: neither tiny nor huge gradients leave float32 in the sum.
  const at::Tensor largest = unit.flatten(1).abs().amax(1);
  unit.div_(per_sample(largest.masked_fill(largest.eq(0), 1), unit));
  const at::Tensor size = unit.flatten(1).abs().sum(1);
  return unit.div_(per_sample(size.masked_fill(size.eq(0), 1), unit));
}

/// Adds each sample's gradient, in units of its l1 norm, to decay times what is gathered, on the device where both are,
/// if its kernel is linked and they lie alike: whether it did. `gathered` is nobody else's.
[[nodiscard]] inline bool gather_on_device(at::Tensor& gathered, const at::Tensor& gradient, double decay) {
  const bool fits = redoubt_cuda_gather != nullptr && gathered.is_cuda() && gradient.device() == gathered.device() &&
                    gathered.scalar_type() == at::kFloat && stored_on_device(gradient.scalar_type()) &&
                    gathered.numel() > 0 && gathered.is_contiguous() && gradient.is_contiguous() &&
                    gathered.use_count() == 1;
  if (fits) {
    queue_on(gathered.device(), redoubt_cuda_gather,
             device_gather{.gathered = gathered.mutable_data_ptr<float>(),
                           .gradient = gradient.const_data_ptr(),
                           .samples = gathered.size(0),
                           .size = gathered.numel() / gathered.size(0),
                           .decay = static_cast<float>(decay),
                           .type = *stored_on_device(gradient.scalar_type())},
             "a sum of gradients");
  }
  return fits;
}

}  // namespace detail

/// Steps of one length along the steepest direction of the gradients gathered so far.
///
/// m <- decay * m + g / ||g||_1, then d + length * steepest(m), per sample; each restart begins with m = 0. Throws
/// std::invalid_argument for a decay that is negative or not finite. Memory: one more point a sample.
/// Source: Dong et al. 2018 (arXiv:1710.06081), equations 6 and 7.
struct momentum {
  double decay = 1;          ///< of the gradients gathered so far; >= 0; 0 is a constant step
  at::Tensor gathered = {};  ///< [N, ...] m: the rule's own

  /// The next perturbation [N, ...], before ball and box; takes `now` into what it keeps.
  template <a_ball Ball>
  [[nodiscard]] at::Tensor next(const Ball& ball, const step_view& now) {
    gather(now.gradient);
    return along(ball, now);
  }

  /// A whole step at once, along what is gathered, where the ball takes one; whether it did.
  template <a_ball Ball>
  [[nodiscard]] bool move_(const Ball& ball, step_view& now) {
    if constexpr (gathers_at_once<Ball>) {
      require_valid();
      if (ball.step_gathering_(now.point, gathered, decay, now.gradient, now.x, now.length, now.box,
                               progress_of(now))) {
        return true;
      }
    }
    if constexpr (steps_at_once<Ball>) {
      gather(now.gradient);
      if (!ball.step_(now.point, gathered, now.x, now.length, now.box, progress_of(now))) {
        now.point = constrained_point(ball, along(ball, now), now.x, now.box);
      }
      return true;
    } else {
      return false;
    }
  }

  /// Adds the gradient [N, ...] to what is gathered.
  void gather(const at::Tensor& gradient) {
    require_valid();
    if (!gathered.defined()) {
      gathered = detail::in_l1_units(gradient);
    } else if (!detail::gather_on_device(gathered, gradient, decay)) {
      gathered = gathered.mul(decay).add_(detail::in_l1_units(gradient));
    }
  }

  /// The rule for the samples `rows` (int64 [M]), with what it keeps of them.
  [[nodiscard]] momentum at(const at::Tensor& rows) const { return {decay, tensor_at(gathered, rows)}; }

 private:
  void require_valid() const {
    require(std::isfinite(decay) && decay >= 0, "momentum: decay must be finite and not negative, got ", decay);
  }

  template <a_ball Ball>
  [[nodiscard]] at::Tensor along(const Ball& ball, const step_view& now) const {
    at::Tensor step = steepest_step(ball, gathered, now);
    return now.length.scale_(step).add_(now.point).sub_(now.x);
  }
};

/// Momentum whose gradient is taken ahead of the point, where the momentum is about to lead.
///
/// Looks at d + decay * length * s m, s = ||steepest(m)||_1 per sample: m, gathered as by `momentum`, in the units of
/// the ball's step, since m itself is a unit of l1. Over linf that is a mean absolute value, by which the authors' code
/// divides; with the l1 norm that their text writes the look ahead would be lost in rounding. Throws as `momentum`.
/// Source: Lin et al. 2020 (arXiv:1908.06281), equations 6 to 8.
struct nesterov {
  double decay = 1;       ///< of the gradients gathered so far; >= 0; 0 is a constant step
  momentum inner = {};    ///< the rule's own
  at::Tensor ahead = {};  ///< [N, ...] from the point to where it looks: the rule's own

  /// The perturbation [N, ...] at which the next gradient is taken.
  template <a_ball Ball>
  [[nodiscard]] at::Tensor look(const Ball& /*ball*/, const at::Tensor& x, const at::Tensor& point) const {
    at::Tensor d = point.sub(x);
    return ahead.defined() ? d.add_(ahead) : d;
  }

  /// The next perturbation [N, ...], before ball and box; takes `now` into what it keeps.
  template <a_ball Ball>
  [[nodiscard]] at::Tensor next(const Ball& ball, const step_view& now) {
    inner.decay = decay;
    inner.gather(now.gradient);
    const at::Tensor step = steepest_step(ball, inner.gathered, now);
    const at::Tensor length = now.length.broadcast_over(step);
    const at::Tensor unit = per_sample(step.flatten(1).abs().sum(1), step);
    ahead = inner.gathered.mul(unit.mul(length).mul_(decay));
    return now.point.sub(now.x).addcmul_(step, length);
  }

  /// The rule for the samples `rows` (int64 [M]), with what it keeps of them.
  [[nodiscard]] nesterov at(const at::Tensor& rows) const { return {decay, inner.at(rows), tensor_at(ahead, rows)}; }
};

}  // namespace redoubt

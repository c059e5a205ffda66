#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/core/box.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/norm/detail/device_step.hpp>
#include <redoubt/norm/detail/step_layout.hpp>
#include <redoubt/norm/detail/step_linf.hpp>
#include <redoubt/norm/detail/step_on_device.hpp>

namespace redoubt {

/// The ball {d : max_i |d_i| <= radius} of perturbations, per sample.
struct linf {
  extent radius;  ///< in units of the input; >= 0

  static constexpr const char* name = "linf";  ///< as reports and the command line spell it

  /// max_i |d_i| of each sample of d [N, ...]: [N].
  [[nodiscard]] static at::Tensor length(const at::Tensor& d) { return d.flatten(1).abs().amax(1); }

  /// The nearest point of the ball to each sample of d, in place: a clamp.
  at::Tensor& project_(at::Tensor& d) const { return radius.clamp_(d); }

  /// The step of length 1 that most increases <g, step>: sign(g); zero where g is zero or NaN.
  [[nodiscard]] static at::Tensor steepest(const at::Tensor& g) { return g.sign(); }

  /// Moves `point` [N, ...] by a step of `length` along sign(g), into ball and box around x, in one pass; or says no.
  ///
  /// Bit by bit what the operations give one after the other: point + length * sign(g) - x, clamp, + x, clamp. In the
  /// point's memory if nobody else has it, else `point` becomes a new tensor, which lies as x. Does nothing and returns
  /// false where one pass cannot do it: the tensors are not all float32 or float64 and on the host. On a GPU, where
  /// redoubt::cuda is linked: x and point are float32, g is float32, float16 or bfloat16; nothing waits for the GPU,
  /// and one that refuses is a std::runtime_error. Tensors that lie otherwise than is needed are copied: they need to
  /// be dense and to lie alike, for numbers per sample sample by sample, for bounds per channel contiguous.
  [[nodiscard]] bool step_(at::Tensor& point, const at::Tensor& g, const at::Tensor& x, const extent& length,
                           const box& bounds, double /*progress*/) const {
    const detail::step_request asked{point, g, x, radius, length, bounds};
    return detail::step_linf(asked) || detail::step_on_device(redoubt_cuda_step_linf, asked, {});
  }

  /// Such a step along decay * gathered + g / ||g||_1, which `gathered` [N, ...] becomes (undefined: it was zero), in
  /// one pass; or says no and leaves all as it was. On a GPU alone, where redoubt::cuda is linked; see `step_`.
  [[nodiscard]] bool step_gathering_(at::Tensor& point, at::Tensor& gathered, double decay, const at::Tensor& g,
                                     const at::Tensor& x, const extent& length, const box& bounds,
                                     double /*progress*/) const {
    return detail::step_on_device(redoubt_cuda_step_linf, {point, g, x, radius, length, bounds, {&gathered, decay}},
                                  {});
  }

  /// A uniform draw from the ball for each sample of `like` [N, ...], float32; `rows` int64 [N] says which sample each
  /// is. Throws as `uniform_like`.
  [[nodiscard]] at::Tensor sample(const at::Tensor& like, const at::Tensor& rows, const draw& where) const {
    at::Tensor d = uniform_like(like, rows, where).mul_(2).sub_(1);
    return radius.scale_(d);
  }

  /// The ball for the samples `rows` (int64 [M]).
  [[nodiscard]] linf at(const at::Tensor& rows) const { return {radius.at(rows)}; }
};

}  // namespace redoubt

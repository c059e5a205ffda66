#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/conv2d.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <redoubt/core/error.hpp>
#include <redoubt/core/random.hpp>

namespace redoubt {

/// Smooths the gradient over neighbouring pixels and leaves the image alone: an input transform.
///
/// Points [N, C, H, W] are handed on as they are; the gradient that comes back is convolved, channel by channel, with a
/// separable kernel of sum 1 (zeros beyond the image): the gradient averaged over shifted copies of the image, for one
/// model call. Gaussian weights exp(-(deviations * i / radius)^2 / 2), |i| <= radius; `deviations = 0` weighs all
/// alike. In a composed transform put it first, so that it is the last that the gradient meets. Throws
/// std::invalid_argument for another shape and for options out of range. Cost: 2 (2 radius + 1) products an element of
/// each gradient.
/// Source: Dong et al. 2019 (arXiv:1904.02884), equations 7 and 8; the defaults are its 15 x 15 kernel.
struct translation_invariant {
  std::int64_t radius = 7;  ///< pixels from the kernel's centre to its edge; >= 0
  double deviations = 3;    ///< standard deviations from the kernel's centre to its edge; >= 0

  /// The model's input for `point` [N, C, H, W], of its shape; differentiable in `point`.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& point, const at::Tensor& /*rows*/,
                                      const draw& /*where*/) const {
    require(radius >= 0, "translation_invariant: radius must not be negative, got ", radius);
    require(std::isfinite(deviations) && deviations >= 0,
            "translation_invariant: deviations must be finite and not negative, got ", deviations);
    require(point.dim() == 4, "translation_invariant: works on images [N, C, H, W], got shape ", point.sizes());
    at::Tensor same = point.view_as(point);
    if (same.requires_grad()) {
      same.register_hook([*this](const at::Tensor& gradient) { return smoothed(gradient); });
    }
    return same;
  }

  /// Each channel of images [N, C, H, W] convolved with the kernel.
  [[nodiscard]] at::Tensor smoothed(const at::Tensor& images) const {
    const at::NoGradGuard no_graph;
    const std::int64_t taps = 2 * radius + 1;
    const auto edge = static_cast<double>(radius > 0 ? radius : 1);
    at::Tensor kernel = images.new_ones({taps}).cumsum(0).sub_(static_cast<double>(radius + 1)).mul_(deviations / edge);
    kernel = kernel.square().div(-2).exp();
    kernel.div_(kernel.sum());
    // All channels share the kernel, so that they may as well be samples.
    const at::Tensor planes = images.reshape({-1, 1, images.size(2), images.size(3)});
    const at::Tensor down = at::conv2d(planes, kernel.view({1, 1, taps, 1}), {}, 1, at::IntArrayRef{radius, 0});
    return at::conv2d(down, kernel.view({1, 1, 1, taps}), {}, 1, at::IntArrayRef{0, radius}).view(images.sizes());
  }
};

}  // namespace redoubt

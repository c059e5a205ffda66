#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/grid_sampler.h>
#include <ATen/ops/stack.h>

#include <cmath>
#include <redoubt/core/error.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>

namespace redoubt {

/// With some probability shrinks an image to a random size and pads it back at a random place: an input transform.
///
/// Points [N, C, H, W], any floating type -> the same shape. A sample that is drawn is resized (bilinear, pixel centres
/// at halves) to sides uniform in [ceil(least * side), side], both by one draw, and put at a uniform place among
/// `fill`. Draws depend on (seed, row, restart, step) alone. Throws std::invalid_argument for another shape and for
/// options out of range. Cost: one resampling of the batch.
/// Source: Xie et al. 2019 (arXiv:1803.06978), section 3.2, with the padded size the model's own instead of a larger
/// one.
struct diverse_input {
  double probability = 0.5;  ///< that a sample is changed, in [0, 1]
  double least = 0.9;        ///< smallest side, as a share of the image's, in (0, 1]
  double fill = 0;           ///< what the padding holds, in units of the input

  /// The model's input for `point` [N, C, H, W], of its shape; differentiable in `point`.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& point, const at::Tensor& rows, const draw& where) const {
    require(probability >= 0 && probability <= 1, "diverse_input: probability must lie in [0, 1], got ", probability);
    require(least > 0 && least <= 1, "diverse_input: least must lie in (0, 1], got ", least);
    require(point.dim() == 4, "diverse_input: works on images [N, C, H, W], got shape ", point.sizes());
    const at::Tensor u = uniform_like(point.detach().flatten(1).new_empty({point.size(0), 4}), rows, where);
    const axis down = axis_of(point, point.size(2), u.select(1, 1), u.select(1, 2));
    const axis across = axis_of(point, point.size(3), u.select(1, 1), u.select(1, 3));
    const std::int64_t height = point.size(2);
    const std::int64_t width = point.size(3);
    const at::Tensor grid = at::stack(
        {across.from.unsqueeze(1).expand({-1, height, -1}), down.from.unsqueeze(2).expand({-1, -1, width})}, 3);
    constexpr std::int64_t bilinear = 0;
    constexpr std::int64_t border = 1;
    const at::Tensor shrunk = at::grid_sampler(point, grid, bilinear, border, /*align_corners=*/false);
    const at::Tensor inside = down.inside.unsqueeze(2).logical_and(across.inside.unsqueeze(1)).unsqueeze(1);
    const at::Tensor changed = per_sample(u.select(1, 0).lt(probability), inside);
    return shrunk.masked_fill(inside.logical_not(), fill).where(changed, point);
  }

 private:
  // Where each output pixel of one axis comes from, in the sampler's units [-1, 1]: [N, side].
  struct axis {
    at::Tensor from;
    at::Tensor inside;
  };

  [[nodiscard]] axis axis_of(const at::Tensor& point, std::int64_t side, const at::Tensor& size_draw,
                             const at::Tensor& place_draw) const {
    const auto full = static_cast<double>(side);
    const double smallest = std::ceil(least * full);
    // In double: a draw just below 1 would round up to a size beyond the image.
    const at::Tensor size = size_draw.to(at::kDouble).mul(full - smallest + 1).floor_().add_(smallest);
    const at::Tensor first = place_draw.to(at::kDouble).mul(size.neg().add(full + 1)).floor_();
    const at::Tensor pixel = size.new_ones({side}).cumsum(0).sub_(0.5);
    at::Tensor from = pixel.unsqueeze(0).sub(first.unsqueeze(1)).mul_(2).div_(size.unsqueeze(1)).sub_(1);
    const at::Tensor inside = from.abs().lt(1);
    return {from.to(point.scalar_type()), inside};
  }
};

}  // namespace redoubt

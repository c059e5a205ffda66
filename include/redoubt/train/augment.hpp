#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/core/random.hpp>

namespace redoubt {

/// Moves each image by up to `pixels` in both directions (what comes in is `fill`) and mirrors it half the time where
/// `mirror`.
///
/// x [N, C, H, W], any floating type -> a new tensor like it. Draws depend on (seed, row) alone. Cost: a copy of x.
struct shift_and_mirror {
  int pixels = 1;          ///< the farthest that an image moves, in each direction; >= 0, less than its sides
  bool mirror = true;      ///< half the images are mirrored, left to right
  std::uint64_t seed = 0;  ///< of the draws
  double fill = 0;         ///< what comes in at the edge, in units of the input: the box's lower end

  /// The images moved; `rows` int64 [N] says which sample each is. Throws std::invalid_argument for other shapes and
  /// for pixels out of range.
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x, const at::Tensor& rows) const {
    require(x.dim() == 4, "shift_and_mirror: needs images [N, C, H, W], got shape ", x.sizes());
    require(pixels >= 0 && pixels < x.size(2) && pixels < x.size(3), "shift_and_mirror: cannot move images of ",
            x.size(2), " x ", x.size(3), " by ", pixels, " pixels");
    const std::int64_t places = 2 * std::int64_t{pixels} + 1;
    // Three draws an image: down, right, mirrored. From the one restart that no attack has, as an attack with the same
    // seed would start from the same numbers.
    const at::Tensor like = x.new_empty({x.size(0), 3});
    const at::Tensor draws = uniform_like(like, rows, {.seed = seed, .restart = 65535}).to(at::kCPU);
    at::Tensor moved = x.new_full(x.sizes(), fill);
    for (std::int64_t i = 0; i < x.size(0); ++i) {
      const float* const u = detail::elements_of<float>(draws) + 3 * i;
      const auto down = static_cast<std::int64_t>(u[0] * static_cast<float>(places)) - pixels;
      const auto right = static_cast<std::int64_t>(u[1] * static_cast<float>(places)) - pixels;
      const at::Tensor image = mirror && u[2] < 0.5F ? x.select(0, i).flip(2) : x.select(0, i);
      part(moved.select(0, i), down, right).copy_(part(image, -down, -right));
    }
    return moved;
  }

 private:
  // The part of an image that stays inside when it moves by (down, right), where it lands.
  static at::Tensor part(const at::Tensor& image, std::int64_t down, std::int64_t right) {
    return along(along(image, 1, down), 2, right);
  }
  static at::Tensor along(const at::Tensor& image, std::int64_t axis, std::int64_t by) {
    const std::int64_t size = image.size(axis);
    return by >= 0 ? image.narrow(axis, by, size - by) : image.narrow(axis, 0, size + by);
  }
};

}  // namespace redoubt

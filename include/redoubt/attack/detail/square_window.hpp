#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace redoubt::detail {

/// A batch [N, ...] as contiguous images [N, C, H, W], which the square attack's windows are cut from.
///
/// Dimension 1 is the channels where there are at least three dimensions, the last is the width, and those between are
/// the height: [N, C, L] is a line of C channels, [N, D] a line of one.
[[nodiscard]] inline at::Tensor as_images(const at::Tensor& x) {
  const std::int64_t channels = x.dim() == 2 ? 1 : x.size(1);
  const std::int64_t width = x.size(-1);
  std::int64_t height = 1;
  for (std::int64_t i = 2; i + 1 < x.dim(); ++i) {
    height *= x.size(i);
  }
  return x.contiguous().view({x.size(0), channels, height, width});
}

/// The share of an image that a window covers after `done` of `total` queries: p, halved nine times on the way.
///
/// Source: Andriushchenko et al. 2020 (arXiv:1912.00049), section 4, whose schedule is for 10,000 queries; scaled to
/// the budget, as AutoAttack does.
[[nodiscard]] inline double window_share(double p, std::int64_t done, std::int64_t total) {
  const std::int64_t turn = done * 10000 / total;
  for (const std::int64_t mark : {10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000}) {
    p /= turn > mark ? 2 : 1;
  }
  return p;
}

/// Height and width of a window.
struct window_size {
  std::int64_t height = 1;
  std::int64_t width = 1;

  /// A square of `share` of the image's area; on an image too low or too narrow for it, a rectangle of that area.
  [[nodiscard]] static window_size of(double share, std::int64_t height, std::int64_t width) {
    const double area = share * static_cast<double>(height) * static_cast<double>(width);
    const std::int64_t side = std::max<std::int64_t>(std::llround(std::sqrt(area)), 1);
    const auto across = [&](std::int64_t other) { return std::llround(area / static_cast<double>(other)); };
    if (side > height) {
      return {height, std::clamp<std::int64_t>(across(height), 1, width)};
    }
    if (side > width) {
      return {std::clamp<std::int64_t>(across(width), 1, height), width};
    }
    return {side, side};
  }

  /// The same, at least 3 and odd each way where the image allows it, so that it has a middle.
  [[nodiscard]] static window_size odd_of(double share, std::int64_t height, std::int64_t width) {
    const auto [high, wide] = of(share, height, width);
    return {std::min(std::max<std::int64_t>(high, 3) | 1, height),
            std::min(std::max<std::int64_t>(wide, 3) | 1, width)};
  }
};

/// Where a window of `size` begins on an axis of `length`: each of its places equally likely for u in [0, 1).
[[nodiscard]] inline std::int64_t window_begin(double u, std::int64_t length, std::int64_t size) {
  return static_cast<std::int64_t>(u * static_cast<double>(length - size + 1));
}

/// The same for a tensor of draws u [N], int64 [N].
[[nodiscard]] inline at::Tensor window_begin(const at::Tensor& u, std::int64_t length, std::int64_t size) {
  return u.to(at::kDouble).mul_(static_cast<double>(length - size + 1)).to(at::kLong);
}

/// The offset of each place of an axis of `length` from where the window begins (int64 [N]): int64 [N, length].
[[nodiscard]] inline at::Tensor window_offsets(const at::Tensor& begin, std::int64_t length) {
  return begin.new_ones({length}).cumsum(0).sub_(1).sub(begin.unsqueeze(1));
}

/// Which of these offsets lie in a window of `size`: bool like them.
[[nodiscard]] inline at::Tensor in_window(const at::Tensor& offsets, std::int64_t size) {
  return offsets.ge(0).logical_and_(offsets.lt(size));
}

/// Where each window of `size`, begun at `top` and `left` (int64 [N]), lies on images like `images`: bool [N, 1, H, W].
[[nodiscard]] inline at::Tensor window_mask(const at::Tensor& top, const at::Tensor& left, const window_size& size,
                                            const at::Tensor& images) {
  const at::Tensor down = in_window(window_offsets(top, images.size(2)), size.height);
  const at::Tensor right = in_window(window_offsets(left, images.size(3)), size.width);
  return down.unsqueeze(2).logical_and(right.unsqueeze(1)).unsqueeze(1);
}

}  // namespace redoubt::detail

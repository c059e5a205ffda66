#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <redoubt/attack/detail/square_bump.hpp>
#include <redoubt/attack/detail/square_window.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt::detail {

/// The square attack's proposals over a ball whose length is shared out among the pixels (l2, l1).
///
/// A window takes a bump of a random sign in each channel, added to the shape of what it holds; it is paid for by what
/// it held, by a second window, which is emptied, and by what the ball has left. Source: Andriushchenko et al. 2020
/// (arXiv:1912.00049), algorithm 3.
template <class Sum>
struct square_budget {
  at::Tensor radius;  ///< [N], of the images' type
  at::Tensor lower;   ///< [1, C, H, W]: the box
  at::Tensor upper;   ///< [1, C, H, W]
  double gain = 1;    ///< how many times its share a window takes: more than 1 leaves the ball, for a projection

  [[nodiscard]] bool leaves_ball() const { return gain > 1; }

  /// A grid of (at most) 5 x 5 tiles, each with a bump of a random sign and orientation, of the radius' length in all.
  [[nodiscard]] at::Tensor start(const at::Tensor& images, const at::Tensor& rows, const draw& where) const {
    const std::int64_t n = images.size(0);
    const std::int64_t channels = images.size(1);
    const auto tiles_on = [](std::int64_t length) { return std::min<std::int64_t>(5, length); };
    const std::int64_t down = tiles_on(images.size(2));
    const std::int64_t across = tiles_on(images.size(3));
    const window_size tile{images.size(2) / down, images.size(3) / across};
    const at::Tensor u =
        uniform_like(rows.new_empty({n, channels + 1, down, across, 1, 1}, at::kFloat), rows, where).lt(0.5);
    const at::Tensor bumps = window_bumps<Sum>(tile, images);
    const at::Tensor shape = bumps.select(0, 1).where(u.narrow(1, 0, 1), bumps.select(0, 0));
    const at::Tensor sign = u.narrow(1, 1, channels).to(images.scalar_type()).mul_(2).sub_(1);
    const at::Tensor tiled =
        shape.mul(sign).transpose(3, 4).reshape({n, channels, down * tile.height, across * tile.width});
    at::Tensor d = images.new_zeros(images.sizes());
    d.narrow(2, (d.size(2) - tiled.size(2)) / 2, tiled.size(2))
        .narrow(3, (d.size(3) - tiled.size(3)) / 2, tiled.size(3))
        .copy_(tiled);
    d.mul_(per_sample(radius, d)).div_(Sum::length(static_cast<double>(channels * down * across)));
    return d.mul_(gain).add_(images).maximum(lower).minimum(upper);
  }

  /// `best` with the budget of two windows spent anew on the first.
  [[nodiscard]] at::Tensor propose(const at::Tensor& images, const at::Tensor& best, const at::Tensor& rows,
                                   const draw& where, double share) const {
    const auto size = window_size::odd_of(share, best.size(2), best.size(3));
    // Columns: top and left of the first and of the second window, orientation, a sign for each channel.
    const at::Tensor like = rows.new_empty({rows.size(0), 5 + best.size(1)}, at::kFloat);
    const at::Tensor u = uniform_like(like, rows, where);
    return best.is_cpu() ? by_row(images, best, u, size) : by_tensor(images, best, u, size);
  }

  [[nodiscard]] square_budget at(const at::Tensor& rows) const {
    return {radius.index_select(0, rows), lower, upper, gain};
  }

  /// `propose` as tensor operations, for every device.
  [[nodiscard]] at::Tensor by_tensor(const at::Tensor& images, const at::Tensor& best, const at::Tensor& u,
                                     const window_size& size) const {
    const std::int64_t height = best.size(2);
    const std::int64_t width = best.size(3);
    const at::Tensor top = window_begin(u.select(1, 0), height, size.height);
    const at::Tensor left = window_begin(u.select(1, 1), width, size.width);
    const at::Tensor first = window_mask(top, left, size, best);
    const at::Tensor second = window_mask(window_begin(u.select(1, 2), height, size.height),
                                          window_begin(u.select(1, 3), width, size.width), size, best);
    const auto summed = [](const at::Tensor& parts) { return parts.sum({2, 3}, /*keepdim=*/true); };

    const at::Tensor d = best.sub(images);
    const at::Tensor parts = Sum::parts(d);
    const at::Tensor all = summed(parts).sum(1, /*keepdim=*/true);
    const at::Tensor held = summed(parts.mul(first));
    const at::Tensor left_over = Sum::parts(per_sample(radius, best)).sub(all).clamp_min_(0);
    const at::Tensor budget = left_over.div_(best.size(1)).add(summed(parts.mul(first.logical_or(second))));

    const at::Tensor down = window_offsets(top, height).clamp_(0, size.height - 1);
    const at::Tensor across = window_offsets(left, width).clamp_(0, size.width - 1);
    const at::Tensor which = u.select(1, 4).lt(0.5).to(at::kLong).view({-1, 1, 1, 1});
    const at::Tensor place = which.mul(size.height).add(down.view({-1, 1, height, 1})).mul(size.width);
    const at::Tensor sign = u.narrow(1, 5, best.size(1)).lt(0.5).to(best.scalar_type()).mul_(2).sub_(1);
    const at::Tensor bump = window_bumps<Sum>(size, best)
                                .flatten()
                                .take(place.add(across.view({-1, 1, 1, width})))
                                .mul_(first)
                                .mul(sign.unsqueeze(2).unsqueeze(3));

    const at::Tensor kept = d.mul(first).div_(Sum::lengths(held.masked_fill(held.eq(0), 1)));
    at::Tensor shape = bump.add(kept);
    at::Tensor length = summed(Sum::parts(shape));
    const at::Tensor cancelled = length.le(nothing);
    shape = bump.where(cancelled, shape);
    length = length.masked_fill_(cancelled, 1);
    const at::Tensor spent = shape.mul_(Sum::lengths(budget.div_(length)).mul_(gain)).add_(images);
    return spent.maximum(lower).minimum(upper).where(first, images.where(second, best));
  }

 private:
  // A bump that what it is added to cancels leaves rounding errors of this size, and no shape.
  static constexpr double nothing = 1e-12;

  [[nodiscard]] at::Tensor by_row(const at::Tensor& images, const at::Tensor& best, const at::Tensor& u,
                                  const window_size& size) const {
    at::Tensor candidate = best.clone();
    best.scalar_type() == at::kDouble ? fill<double>(images, candidate, u, size)
                                      : fill<float>(images, candidate, u, size);
    return candidate;
  }

  // The sum over a dense image, in lanes that the compiler keeps in one register.
  template <class T>
  [[nodiscard]] static double sum_of(const T* image, const T* point, std::int64_t count) {
    std::array<T, 16> lanes{};
    std::int64_t k = 0;
    for (; k + 16 <= count; k += 16) {
      for (std::int64_t lane = 0; lane < 16; ++lane) {
        lanes[static_cast<std::size_t>(lane)] += Sum::part(point[k + lane] - image[k + lane]);
      }
    }
    double sum = 0;
    for (; k < count; ++k) {
      sum += Sum::part(point[k] - image[k]);
    }
    for (const T lane : lanes) {
      sum += lane;
    }
    return sum;
  }

  template <class T>
  void fill(const at::Tensor& images, at::Tensor& candidate, const at::Tensor& u, const window_size& size) const {
    const auto draws = u.accessor<float, 2>();
    const auto x = images.accessor<T, 4>();
    auto out = candidate.accessor<T, 4>();
    const auto low = lower.accessor<T, 4>();
    const auto high = upper.accessor<T, 4>();
    const auto extents = radius.accessor<T, 1>();
    const at::Tensor both_bumps = window_bumps<Sum>(size, candidate);
    const auto bumps = both_bumps.accessor<T, 3>();
    const std::int64_t channels = out.size(1);
    const std::int64_t pixels = channels * out.size(2) * out.size(3);
    at::parallel_for(0, out.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t top = window_begin(draws[i][0], out.size(2), size.height);
        const std::int64_t left = window_begin(draws[i][1], out.size(3), size.width);
        const std::int64_t other_top = window_begin(draws[i][2], out.size(2), size.height);
        const std::int64_t other_left = window_begin(draws[i][3], out.size(3), size.width);
        const auto& bump = bumps[draws[i][4] < 0.5F ? 1 : 0];
        const double all = sum_of<T>(&x[i][0][0][0], &out[i][0][0][0], pixels);
        const double spare =
            std::max(Sum::part(static_cast<double>(extents[i])) - all, 0.0) / static_cast<double>(channels);
        for (std::int64_t channel = 0; channel < channels; ++channel) {
          auto point = out[i][channel];
          const auto image = x[i][channel];
          const auto moved_by = [&](std::int64_t h, std::int64_t w) {
            return static_cast<double>(point[h][w] - image[h][w]);
          };
          double held = 0;
          double emptied = 0;
          for (std::int64_t h = 0; h < size.height; ++h) {
            for (std::int64_t w = 0; w < size.width; ++w) {
              held += Sum::part(moved_by(top + h, left + w));
            }
          }
          for (std::int64_t h = other_top; h < other_top + size.height; ++h) {
            for (std::int64_t w = other_left; w < other_left + size.width; ++w) {
              const bool in_first = h >= top && h < top + size.height && w >= left && w < left + size.width;
              if (!in_first) {
                emptied += Sum::part(moved_by(h, w));
                point[h][w] = image[h][w];
              }
            }
          }
          const double sign = draws[i][5 + channel] < 0.5F ? 1 : -1;
          double weight = held > 0 ? 1 / Sum::length(held) : 0;
          const auto shape = [&](std::int64_t h, std::int64_t w) {
            return sign * bump[h][w] + weight * moved_by(top + h, left + w);
          };
          double length = 0;
          for (std::int64_t h = 0; h < size.height; ++h) {
            for (std::int64_t w = 0; w < size.width; ++w) {
              length += Sum::part(shape(h, w));
            }
          }
          if (length <= nothing) {
            weight = 0;
            length = 1;
          }
          const double scale = gain * Sum::length((held + emptied + spare) / length);
          for (std::int64_t h = 0; h < size.height; ++h) {
            for (std::int64_t w = 0; w < size.width; ++w) {
              const T moved = image[top + h][left + w] + static_cast<T>(scale * shape(h, w));
              point[top + h][left + w] =
                  std::clamp(moved, low[0][channel][top + h][left + w], high[0][channel][top + h][left + w]);
            }
          }
        }
      }
    });
  }
};

}  // namespace redoubt::detail

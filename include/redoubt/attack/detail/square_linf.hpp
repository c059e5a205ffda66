#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <redoubt/attack/detail/square_window.hpp>
#include <redoubt/core/box.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/norm/linf.hpp>

namespace redoubt::detail {

/// The square attack's proposals over linf: a window at the ball's lower or upper end, channel by channel.
///
/// Every pixel stands at one of the two values that ball and box leave it, `low` and `high`: that is where the loss of
/// most models has its maximum. Source: Andriushchenko et al. 2020 (arXiv:1912.00049), algorithm 2.
struct square_linf {
  at::Tensor low;   ///< [N, C, H, W]: x - radius in the box
  at::Tensor high;  ///< [N, C, H, W]: x + radius in the box

  [[nodiscard]] static bool leaves_ball() { return false; }

  [[nodiscard]] static square_linf make(const linf& ball, const at::Tensor& images, const at::Tensor& lower,
                                        const at::Tensor& upper) {
    const at::Tensor radius = ball.radius.broadcast_over(images);
    return {images.sub(radius).maximum(lower).contiguous(), images.add(radius).minimum(upper).contiguous()};
  }

  /// Columns of one pixel's width, each channel of each at a random end.
  [[nodiscard]] at::Tensor start(const at::Tensor& /*images*/, const at::Tensor& rows, const draw& where) const {
    const at::Tensor column = low.narrow(2, 0, 1);
    const at::Tensor u = uniform_like(column, rows, where);
    return high.where(u.lt(0.5), low);
  }

  /// `best` with one window set anew; never `best` itself, unless nothing can change.
  [[nodiscard]] at::Tensor propose(const at::Tensor& /*images*/, const at::Tensor& best, const at::Tensor& rows,
                                   const draw& where, double share) const {
    const auto size = window_size::of(share, best.size(2), best.size(3));
    // Columns: top, left, the channel to flip, a sign for each channel.
    const at::Tensor like = rows.new_empty({rows.size(0), 3 + best.size(1)}, at::kFloat);
    const at::Tensor u = uniform_like(like, rows, where);
    return best.is_cpu() ? by_row(best, u, size) : by_tensor(best, u, size);
  }

  [[nodiscard]] square_linf at(const at::Tensor& rows) const {
    return {low.index_select(0, rows), high.index_select(0, rows)};
  }

  /// `propose` as tensor operations, for every device.
  [[nodiscard]] at::Tensor by_tensor(const at::Tensor& best, const at::Tensor& u, const window_size& size) const {
    const std::int64_t channels = best.size(1);
    const at::Tensor top = window_begin(u.select(1, 0), best.size(2), size.height);
    const at::Tensor left = window_begin(u.select(1, 1), best.size(3), size.width);
    const at::Tensor inside = window_mask(top, left, size, best);
    const at::Tensor up = u.narrow(1, 3, channels).lt(0.5);
    const at::Tensor wanted = high.where(up.unsqueeze(2).unsqueeze(3), low);
    const at::Tensor same = wanted.eq(best).logical_or_(inside.logical_not()).flatten(1).all(1);
    const at::Tensor flip = window_offsets(window_begin(u.select(1, 2), channels, 1), channels)
                                .eq(0)
                                .logical_and_(same.unsqueeze(1))
                                .logical_xor_(up);
    return high.where(flip.unsqueeze(2).unsqueeze(3), low).where(inside, best);
  }

 private:
  [[nodiscard]] at::Tensor by_row(const at::Tensor& best, const at::Tensor& u, const window_size& size) const {
    at::Tensor candidate = best.clone();
    best.scalar_type() == at::kDouble ? fill<double>(candidate, u, size) : fill<float>(candidate, u, size);
    return candidate;
  }

  template <class T>
  void fill(at::Tensor& candidate, const at::Tensor& u, const window_size& size) const {
    const auto draws = u.accessor<float, 2>();
    auto out = candidate.accessor<T, 4>();
    const auto below = low.accessor<T, 4>();
    const auto above = high.accessor<T, 4>();
    const std::int64_t channels = out.size(1);
    at::parallel_for(0, out.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t top = window_begin(draws[i][0], out.size(2), size.height);
        const std::int64_t left = window_begin(draws[i][1], out.size(3), size.width);
        const auto set = [&](std::int64_t channel, bool up) {
          const auto& wanted = up ? above : below;
          bool changed = false;
          for (std::int64_t h = top; h < top + size.height; ++h) {
            for (std::int64_t w = left; w < left + size.width; ++w) {
              changed |= out[i][channel][h][w] != wanted[i][channel][h][w];
              out[i][channel][h][w] = wanted[i][channel][h][w];
            }
          }
          return changed;
        };
        bool changed = false;
        for (std::int64_t channel = 0; channel < channels; ++channel) {
          changed |= set(channel, draws[i][3 + channel] < 0.5F);
        }
        if (!changed) {
          const std::int64_t channel = window_begin(draws[i][2], channels, 1);
          set(channel, draws[i][3 + channel] >= 0.5F);
        }
      }
    });
  }
};

/// The square attack's proposals for a ball, where it has some.
[[nodiscard]] inline square_linf square_moves(const linf& ball, const at::Tensor& images, const at::Tensor& lower,
                                              const at::Tensor& upper) {
  return square_linf::make(ball, images, lower, upper);
}

}  // namespace redoubt::detail

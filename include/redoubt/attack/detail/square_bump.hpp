#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <redoubt/attack/detail/square_window.hpp>
#include <vector>

namespace redoubt::detail {

/// Lengths as the square attack over l2 needs them: sums of squares.
struct square_sum {
  static constexpr int decay = 2;  ///< how fast a bump falls off
  template <class T>
  [[nodiscard]] static T part(T value) {
    return value * value;
  }
  [[nodiscard]] static double length(double sum) { return std::sqrt(sum); }
  [[nodiscard]] static at::Tensor parts(const at::Tensor& d) { return d.square(); }
  [[nodiscard]] static at::Tensor lengths(const at::Tensor& sum) { return sum.sqrt(); }
};

/// And over l1: sums of absolute values.
struct absolute_sum {
  static constexpr int decay = 4;
  template <class T>
  [[nodiscard]] static T part(T value) {
    return std::abs(value);
  }
  [[nodiscard]] static double length(double sum) { return sum; }
  [[nodiscard]] static at::Tensor parts(const at::Tensor& d) { return d.abs(); }
  [[nodiscard]] static at::Tensor lengths(const at::Tensor& sum) { return sum; }
};

/// A numbers' grid of height x width.
struct bump_grid {
  std::int64_t height, width;
  std::vector<double> values;

  [[nodiscard]] double& at(std::int64_t h, std::int64_t w) { return values[static_cast<std::size_t>(h * width + w)]; }

  template <class Sum>
  void normalise() {
    double sum = 0;
    for (const double value : values) {
      sum += Sum::part(value);
    }
    const double size = Sum::length(sum);
    for (double& value : values) {
      value /= size;
    }
  }
};

/// One peak in the middle, of length 1: at distance d of it (the larger of both axes) sum_{k > d} k^-decay.
template <class Sum>
[[nodiscard]] bump_grid one_bump(std::int64_t height, std::int64_t width) {
  const std::int64_t rings = std::max(height / 2, width / 2) + 1;
  std::vector<double> at_distance(static_cast<std::size_t>(rings) + 1, 0);
  for (std::int64_t d = rings; d-- > 0;) {
    const auto i = static_cast<std::size_t>(d);
    at_distance[i] = at_distance[i + 1] + std::pow(static_cast<double>(d + 1), -Sum::decay);
  }
  bump_grid grid{height, width, std::vector<double>(static_cast<std::size_t>(height * width))};
  for (std::int64_t h = 0; h < height; ++h) {
    for (std::int64_t w = 0; w < width; ++w) {
      const std::int64_t distance = std::max(std::abs(h - height / 2), std::abs(w - width / 2));
      grid.at(h, w) = at_distance[static_cast<std::size_t>(distance)];
    }
  }
  grid.normalise<Sum>();
  return grid;
}

/// A window's bump, of length 1: one peak above, the opposite one below.
template <class Sum>
[[nodiscard]] bump_grid two_bumps(std::int64_t height, std::int64_t width) {
  const std::int64_t middle = height / 2;
  bump_grid upper = one_bump<Sum>(middle, width);
  bump_grid lower = one_bump<Sum>(height - middle, width);
  bump_grid both{height, width, std::vector<double>(static_cast<std::size_t>(height * width))};
  for (std::int64_t h = 0; h < height; ++h) {
    for (std::int64_t w = 0; w < width; ++w) {
      both.at(h, w) = h < middle ? upper.at(h, w) : -lower.at(h - middle, w);
    }
  }
  both.normalise<Sum>();
  return both;
}

/// The bumps that fill a window: one above the other, and side by side. [2, height, width], with like's options.
///
/// Source: Andriushchenko et al. 2020 (arXiv:1912.00049), section 4.2; over l1 as in AutoAttack.
template <class Sum>
[[nodiscard]] at::Tensor window_bumps(const window_size& size, const at::Tensor& like) {
  bump_grid down = two_bumps<Sum>(size.height, size.width);
  bump_grid across = two_bumps<Sum>(size.width, size.height);
  at::Tensor bumps =
      like.new_empty({2, size.height, size.width}, at::TensorOptions().dtype(at::kDouble).device(at::kCPU));
  double* out = bumps.mutable_data_ptr<double>();
  for (std::int64_t h = 0; h < size.height; ++h) {
    for (std::int64_t w = 0; w < size.width; ++w) {
      out[h * size.width + w] = down.at(h, w);
      out[(size.height + h) * size.width + w] = across.at(w, h);
    }
  }
  return bumps.to(like.options());
}

}  // namespace redoubt::detail

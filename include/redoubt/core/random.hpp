#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <cstdint>
#include <numbers>
#include <redoubt/core/error.hpp>
#include <redoubt/core/philox.hpp>

namespace redoubt {

/// Where a random draw stands: with the sample's row these numbers decide it, and nothing else does.
struct draw {
  std::uint64_t seed = 0;
  std::uint32_t restart = 0;  ///< below 65,536
  std::uint32_t step = 0;
};

namespace detail {

/// Calls `write(values, count, bits)` for each run of up to four elements of a [N, ...] float tensor.
template <class Write>
at::Tensor fill_by_row(const at::Tensor& like, const at::Tensor& rows, const draw& where, Write write) {
  require(where.restart < (1U << 16), "random draw: restart must be below 65536, got ", where.restart);
  const at::Tensor index = rows.to(at::kCPU, at::kLong).contiguous();
  require(index.dim() == 1 && index.size(0) == like.size(0), "random draw: need one row number per sample (",
          like.size(0), "), got ", index.numel());
  const std::int64_t samples = like.size(0);
  const std::int64_t width = samples == 0 ? 0 : like.numel() / samples;
  at::Tensor values = like.new_empty(like.sizes(), at::TensorOptions().dtype(at::kFloat).device(at::kCPU));
  const auto key = philox_key(where.seed);
  const std::int64_t* const row_numbers = index.const_data_ptr<std::int64_t>();
  float* out = values.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < samples; ++i, out += width) {
    const std::int64_t row = row_numbers[i];
    require(row >= 0 && row < (std::int64_t{1} << 48), "random draw: row numbers must lie in [0, 2^48), got ", row);
    const auto low = static_cast<std::uint32_t>(row);
    const auto high = static_cast<std::uint32_t>(row >> 32) | where.restart << 16;
    for (std::int64_t k = 0; k < width; k += 4) {
      const auto bits = philox4x32({static_cast<std::uint32_t>(k / 4), low, high, where.step}, key);
      write(out + k, width - k < 4 ? width - k : 4, bits);
    }
  }
  return values.to(like.device());
}

}  // namespace detail

/// Uniform numbers in [0, 1), shaped like `like` [N, ...], float32, on its device.
///
/// `rows` (int64 [N]) says which sample each row is. A sample's numbers depend on (seed, row, restart, step) alone:
/// bitwise the same in any batch, order and on any device.
/// Throws std::invalid_argument for a row outside [0, 2^48) or a restart of 65,536 and more.
[[nodiscard]] inline at::Tensor uniform_like(const at::Tensor& like, const at::Tensor& rows, const draw& where) {
  return detail::fill_by_row(like, rows, where, [](float* out, std::int64_t count, const auto& bits) {
    for (std::int64_t k = 0; k < count; ++k) {
      out[k] = unit_float(bits[static_cast<std::size_t>(k)]);
    }
  });
}

/// Standard normal numbers, with the shape and guarantees of `uniform_like`.
///
/// Box and Muller 1958, in double precision: bitwise the same in any batch and order on one host.
[[nodiscard]] inline at::Tensor normal_like(const at::Tensor& like, const at::Tensor& rows, const draw& where) {
  return detail::fill_by_row(like, rows, where, [](float* out, std::int64_t count, const auto& bits) {
    for (std::int64_t k = 0; k < count; ++k) {
      const auto pair = static_cast<std::size_t>(k / 2 * 2);
      const double radius = std::sqrt(-2 * std::log1p(-unit_double(bits[pair])));
      const double angle = 2 * std::numbers::pi * unit_double(bits[pair + 1]);
      out[k] = static_cast<float>(radius * (k % 2 == 0 ? std::cos(angle) : std::sin(angle)));
    }
  });
}

/// Numbers of the Laplace distribution of scale 1, with the shape and guarantees of `uniform_like`.
///
/// An exponential number (the inverse of its distribution function, in double precision) under a random sign.
[[nodiscard]] inline at::Tensor laplace_like(const at::Tensor& like, const at::Tensor& rows, const draw& where) {
  return detail::fill_by_row(like, rows, where, [](float* out, std::int64_t count, const auto& bits) {
    for (std::int64_t k = 0; k < count; ++k) {
      const std::uint32_t random = bits[static_cast<std::size_t>(k)];
      const double size = -std::log1p(-unit_double(random & ~1U));
      out[k] = static_cast<float>((random & 1U) == 0 ? size : -size);
    }
  });
}

}  // namespace redoubt

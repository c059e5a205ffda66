#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/core/random.hpp>
#include <vector>

namespace redoubt::detail {

/// Random signs, -1 or 1 with equal chances: the directions `first` to `first + count - 1` of each sample of `like`.
///
/// Shaped [count, N, ...] for like [N, ...], of its type and on its device. A sample's signs depend on (seed, row,
/// restart, step, direction) alone, one bit of a draw for each.
[[nodiscard]] inline at::Tensor random_signs(const at::Tensor& like, const at::Tensor& rows, const draw& where,
                                             std::int64_t first, std::int64_t count) {
  require(where.restart < (1U << 16), "random signs: restart must be below 65536, got ", where.restart);
  const std::int64_t samples = like.size(0);
  const std::int64_t width = samples == 0 ? 0 : like.numel() / samples;
  const at::Tensor index = rows.to(at::kCPU, at::kLong).contiguous();
  const auto on_host = at::TensorOptions().dtype(at::kFloat).device(at::kCPU);
  at::Tensor signs = like.new_empty({count, samples, width}, on_host);
  const auto key = philox_key(where.seed);
  const std::int64_t* const row_numbers = detail::elements_of<std::int64_t>(index);
  float* out = signs.mutable_data_ptr<float>();
  constexpr std::int64_t bits_a_draw = 128;
  const std::int64_t draws = (width + bits_a_draw - 1) / bits_a_draw;
  for (std::int64_t direction = first; direction < first + count; ++direction) {
    for (std::int64_t i = 0; i < samples; ++i) {
      const std::int64_t row = row_numbers[i];
      require(row >= 0 && row < (std::int64_t{1} << 48), "random signs: row numbers must lie in [0, 2^48), got ", row);
      const auto low = static_cast<std::uint32_t>(row);
      const auto high = static_cast<std::uint32_t>(row >> 32) | where.restart << 16;
      for (std::int64_t k = 0; k < draws; ++k) {
        const auto block = static_cast<std::uint32_t>(direction * draws + k);
        const auto bits = philox4x32({block, low, high, where.step}, key);
        const std::int64_t left = std::min(width - k * bits_a_draw, bits_a_draw);
        for (std::int64_t bit = 0; bit < left; ++bit) {
          *out++ = (bits[static_cast<std::size_t>(bit / 32)] >> (bit % 32) & 1U) != 0 ? 1.0F : -1.0F;
        }
      }
    }
  }
  std::vector<std::int64_t> shape = like.sizes().vec();
  shape.insert(shape.begin(), count);
  return signs.view(shape).to(like.options());
}

}  // namespace redoubt::detail

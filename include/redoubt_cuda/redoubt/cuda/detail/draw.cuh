#pragma once

#include <cstdint>
#include <redoubt/core/detail/device_draw.hpp>
#include <redoubt/core/detail/draws.hpp>
#include <redoubt/core/philox.hpp>

namespace redoubt::cuda::detail {

using redoubt::detail::device_draw;

/// Random numbers, four elements of a sample a thread: those of the host, whatever the grid.
template <class Number>
__global__ void draw_numbers(device_draw d) {
  const auto key = redoubt::philox_key(d.seed);
  const std::int64_t fours = (d.size + 3) / 4;
  for (std::int64_t i = blockIdx.x * std::int64_t{blockDim.x} + threadIdx.x; i < d.samples * fours;
       i += std::int64_t{gridDim.x} * blockDim.x) {
    const std::int64_t sample = i / fours;
    const std::int64_t k = i - sample * fours;
    const auto bits =
        redoubt::philox4x32(redoubt::detail::draw_counter(k, d.rows[sample], d.restart, d.step), key);
    float* const to = d.to + sample * d.size + 4 * k;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (4 * k + j < d.size) {
        to[j] = Number::of(bits, j);
      }
    }
  }
}

}  // namespace redoubt::cuda::detail

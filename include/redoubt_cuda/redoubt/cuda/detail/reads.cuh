#pragma once

#include <cstdint>
#include <redoubt/cuda/detail/device.cuh>
#include <redoubt/norm/detail/device_step.hpp>

namespace redoubt::cuda::detail {

using redoubt::detail::device_gradient;

/// Four numbers side by side: one access of sixteen bytes where memory is aligned to them.
struct alignas(16) four {
  float each[4];
};

/// Four numbers, f(0) to f(3).
template <class F>
[[nodiscard]] __device__ four four_of(const F& f) {
  four numbers;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    numbers.each[k] = f(k);
  }
  return numbers;
}

/// A device_number's value for sample (or channel) i.
[[nodiscard]] __device__ inline float number_of(const redoubt::detail::device_number& number, std::int64_t i) {
  return number.each == nullptr ? number.number : number.each[i];
}

/// A number of sixteen bits in float32.
[[nodiscard]] __device__ inline float widened(std::uint16_t bits, device_gradient type) {
  return type == device_gradient::bfloat16 ? __uint_as_float(static_cast<unsigned>(bits) << 16) : half_number(bits);
}

/// Element i of a gradient in float32. The branch is the same for all threads.
[[nodiscard]] __device__ inline float gradient_at(const void* gradient, device_gradient type, std::int64_t i) {
  return type == device_gradient::float32 ? static_cast<const float*>(gradient)[i]
                                          : widened(static_cast<const std::uint16_t*>(gradient)[i], type);
}

/// Four numbers from element i on, a multiple of four, of memory that is aligned to them.
[[nodiscard]] __device__ inline four four_at(const float* from, std::int64_t i) {
  return *reinterpret_cast<const four*>(from + i);
}

/// Four elements of a gradient alike.
[[nodiscard]] __device__ inline four gradients_at(const void* gradient, device_gradient type, std::int64_t i) {
  if (type == device_gradient::float32) {
    return four_at(static_cast<const float*>(gradient), i);
  }
  const auto both = *reinterpret_cast<const uint2*>(static_cast<const std::uint16_t*>(gradient) + i);
  return four_of([&](int k) {
    const unsigned pair = k < 2 ? both.x : both.y;
    return widened(static_cast<std::uint16_t>(k % 2 == 0 ? pair & 0xffffU : pair >> 16), type);
  });
}

}  // namespace redoubt::cuda::detail

#pragma once

#include <cuda_fp16.h>

#include <cstdint>
#include <redoubt/norm/detail/device_step.hpp>

namespace redoubt::cuda::detail {

using redoubt::detail::device_gradient;

/// A device_number's value for sample (or channel) i.
__device__ inline float number_of(const redoubt::detail::device_number& number, std::int64_t i) {
  return number.each == nullptr ? number.number : number.each[i];
}

/// Element i of a gradient in float32. The branch is the same for all threads.
__device__ inline float gradient_at(const void* gradient, device_gradient type, std::int64_t i) {
  switch (type) {
    case device_gradient::float16:
      return __half2float(static_cast<const __half*>(gradient)[i]);
    case device_gradient::bfloat16:
      return __uint_as_float(static_cast<unsigned>(static_cast<const std::uint16_t*>(gradient)[i]) << 16);
    default:
      return static_cast<const float*>(gradient)[i];
  }
}

/// Four numbers from a multiple of four elements on, of memory that is aligned to them: one access.
__device__ inline float4 four_at(const float* from, std::int64_t i) {
  return *reinterpret_cast<const float4*>(from + i);
}

__device__ inline float4 gradients_at(const void* gradient, device_gradient type, std::int64_t i) {
  if (type == device_gradient::float32) {
    return four_at(static_cast<const float*>(gradient), i);
  }
  const auto* const halves = static_cast<const std::uint16_t*>(gradient);
  const auto both = *reinterpret_cast<const uint2*>(halves + i);
  const unsigned raw[4] = {both.x & 0xffffU, both.x >> 16, both.y & 0xffffU, both.y >> 16};
  float values[4];
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    values[k] = type == device_gradient::bfloat16 ? __uint_as_float(raw[k] << 16)
                                                  : __half2float(__ushort_as_half(static_cast<unsigned short>(raw[k])));
  }
  return {values[0], values[1], values[2], values[3]};
}

}  // namespace redoubt::cuda::detail

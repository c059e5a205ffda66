#pragma once

// What the kernels use of CUDA's half precision, for the emulated device.

#include <c10/util/Half.h>

#include <cstdint>

struct __half {
  std::uint16_t bits;
};

inline float __half2float(__half h) {
  return c10::detail::fp16_ieee_to_fp32_value(h.bits);
}

inline __half __ushort_as_half(unsigned short bits) {
  return {bits};
}

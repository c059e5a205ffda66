#pragma once

#include <cstdint>
#include <redoubt/norm/detail/device_step.hpp>

// What the host tells a device about momentum: see attack/momentum.hpp. The kernel is in redoubt_cuda/, and in a
// program only where it links redoubt::cuda; its entry point is weak here, null where nobody defines it.

namespace redoubt::detail {

/// gathered <- decay * gathered + gradient / ||gradient||_1, sample by sample.
struct device_gather {
  float* gathered = nullptr;       ///< [samples, size]
  const void* gradient = nullptr;  ///< [samples, size]
  std::int64_t samples = 0;
  std::int64_t size = 0;
  float decay = 1;
  device_gradient type = device_gradient::float32;
  void* stream = nullptr;  ///< cudaStream_t
};

}  // namespace redoubt::detail

extern "C" {
/// Queues it on its stream and gives a cudaError_t: 0 where all is well.
__attribute__((weak)) int redoubt_cuda_gather(const redoubt::detail::device_gather& gather);
}

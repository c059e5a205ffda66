#pragma once

#include <cstdint>

// What the host tells a device about a random draw: see core/random.hpp. The kernel is in redoubt_cuda/, and in a
// program only where it links redoubt::cuda; its entry point is weak here, null where nobody defines it.

namespace redoubt::detail {

enum class distribution : int { uniform, normal, laplace };

struct device_draw {
  float* to = nullptr;                 ///< [samples, size]
  const std::int64_t* rows = nullptr;  ///< [samples]
  std::int64_t samples = 0;
  std::int64_t size = 0;
  std::uint64_t seed = 0;
  std::uint32_t restart = 0;
  std::uint32_t step = 0;
  distribution of = distribution::uniform;
  void* stream = nullptr;  ///< cudaStream_t
};

}  // namespace redoubt::detail

extern "C" {
/// Queues the draw on its stream and gives a cudaError_t: 0 where all is well.
__attribute__((weak)) int redoubt_cuda_draw(const redoubt::detail::device_draw& draw);
}

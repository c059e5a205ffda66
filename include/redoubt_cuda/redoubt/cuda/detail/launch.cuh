#pragma once

#include <redoubt/cuda/detail/step_by_sample.cuh>
#include <redoubt/norm/detail/device_step.hpp>

namespace redoubt::cuda::detail {

/// Queues the step on its stream.
template <class Ball>
int launch(const device_step& s) {
  const auto blocks = static_cast<unsigned>(s.samples);
  auto* const stream = static_cast<cudaStream_t>(s.stream);
  if (s.size <= 128 * 8) {
    step_in_registers<Ball, 128, 8><<<blocks, 128, 0, stream>>>(s);
  } else if (s.size <= redoubt::detail::largest_in_registers) {
    static_assert(redoubt::detail::largest_in_registers == 256 * 12);
    step_in_registers<Ball, 256, 12><<<blocks, 256, 0, stream>>>(s);
  } else {
    step_in_memory<Ball, 512><<<blocks, 512, 0, stream>>>(s);
  }
  return static_cast<int>(cudaGetLastError());
}

}  // namespace redoubt::cuda::detail

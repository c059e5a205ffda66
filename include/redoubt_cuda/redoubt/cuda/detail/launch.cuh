#pragma once

#include <cstdint>
#include <redoubt/cuda/detail/step_by_sample.cuh>
#include <redoubt/norm/detail/device_step.hpp>

namespace redoubt::cuda::detail {

/// Whether a step's memory may be accessed sixteen bytes at once.
inline bool is_aligned(const device_step& s) {
  const auto bits = reinterpret_cast<std::uintptr_t>(s.to) | reinterpret_cast<std::uintptr_t>(s.from) |
                    reinterpret_cast<std::uintptr_t>(s.x) | reinterpret_cast<std::uintptr_t>(s.gradient);
  return bits % sizeof(four) == 0;
}

/// Queues the step on its stream; gives a cudaError_t.
template <class Ball>
int launch(device_step s, const Ball& ball) {
  s.fours = s.size % 4 == 0 && is_aligned(s);
  const auto blocks = static_cast<unsigned>(s.samples);
  auto* const stream = static_cast<cudaStream_t>(s.stream);
  if (s.size <= 128 * 8) {
    step_in_registers<Ball, 128, 8><<<blocks, 128, 0, stream>>>(s, ball);
  } else if (s.size <= redoubt::detail::largest_in_registers) {
    static_assert(redoubt::detail::largest_in_registers == 256 * 12);
    step_in_registers<Ball, 256, 12><<<blocks, 256, 0, stream>>>(s, ball);
  } else {
    constexpr int threads = redoubt::detail::device_round / 4;
    step_in_memory<Ball, threads><<<blocks, threads, 0, stream>>>(s, ball);
  }
  return static_cast<int>(cudaGetLastError());
}

}  // namespace redoubt::cuda::detail

#pragma once

#include <cstdint>
#include <redoubt/cuda/detail/held.cuh>
#include <redoubt/cuda/detail/launch_of_teams.cuh>
#include <redoubt/cuda/detail/reads.cuh>
#include <redoubt/cuda/detail/teams.cuh>
#include <redoubt/norm/detail/device_step.hpp>

namespace redoubt::cuda::detail {

/// Whether a step's memory may be accessed sixteen bytes at once.
inline bool is_aligned(const device_step& s) {
  const auto bits = reinterpret_cast<std::uintptr_t>(s.to) | reinterpret_cast<std::uintptr_t>(s.from) |
                    reinterpret_cast<std::uintptr_t>(s.x) | reinterpret_cast<std::uintptr_t>(s.gradient) |
                    reinterpret_cast<std::uintptr_t>(s.gathered);
  return bits % sizeof(four) == 0;
}

/// A step of samples that are too large for registers: launch_large.cuh, in a file of its own for each ball, as its
/// kernels take as long to compile as all others.
template <class Ball>
int launch_large(const device_step& s, const Ball& ball);

/// Queues the step on its stream, or says what it wants; gives a cudaError_t.
template <class Ball>
int launch(device_step s, const Ball& ball) {
  s.fours = s.size % 4 == 0 && is_aligned(s);
  if (s.size <= 32 * 8) {
    using team = warp_team<128>;
    return launch_of_teams<team>{s, (s.samples + 3) / 4}.template queue<in_registers<team, 8>>(s, ball);
  }
  if (s.size <= 128 * 8) {
    using team = block_team<128>;
    return launch_of_teams<team>{s, s.samples}.template queue<in_registers<team, 8>>(s, ball);
  }
  if (s.size <= 256 * 12) {
    using team = block_team<256>;
    return launch_of_teams<team>{s, s.samples}.template queue<in_registers<team, 12>>(s, ball);
  }
  return launch_large(s, ball);
}

}  // namespace redoubt::cuda::detail

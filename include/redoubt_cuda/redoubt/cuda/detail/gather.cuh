#pragma once

#include <cstdint>
#include <redoubt/attack/detail/device_gather.hpp>
#include <redoubt/cuda/detail/reads.cuh>
#include <redoubt/cuda/detail/teams.cuh>
#include <redoubt/norm/detail/number.hpp>
#include <redoubt/norm/detail/terms.hpp>

namespace redoubt::cuda::detail {

using redoubt::detail::device_gather;

/// A block a sample, which reads its gradient twice. Sums are taken in double precision: no gradient is too small.
template <int Threads>
__global__ void __launch_bounds__(Threads) gather(device_gather s) {
  const block_team<Threads> team;
  const std::int64_t first = std::int64_t{blockIdx.x} * s.size;
  const auto gradient = [&](std::int64_t place) {
    return redoubt::detail::finite_or_zero<float>(gradient_at(s.gradient, s.type, first + place));
  };
  redoubt::detail::terms<double, 1> size{};
  for (std::int64_t place = threadIdx.x; place < s.size; place += Threads) {
    size.each[0] += fabsf(gradient(place));
  }
  team.add_up(size);
  const double scale = size.each[0] > 0 ? 1 / size.each[0] : 0;
  for (std::int64_t place = threadIdx.x; place < s.size; place += Threads) {
    float& gathered = s.gathered[first + place];
    gathered = s.decay * gathered + static_cast<float>(scale * gradient(place));
  }
}

}  // namespace redoubt::cuda::detail

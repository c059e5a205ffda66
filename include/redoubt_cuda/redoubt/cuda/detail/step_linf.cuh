#pragma once

#include <cstdint>
#include <redoubt/cuda/detail/reads.cuh>
#include <redoubt/norm/detail/device_step.hpp>
#include <redoubt/norm/detail/linf_step.hpp>

namespace redoubt::cuda::detail {

using redoubt::detail::device_step;
using linf_step = redoubt::detail::linf_step<float>;

/// A step that every element takes by itself, `linf_step`, one by one: numbers per sample or channel, odd sizes, memory
/// that is not aligned.
template <class Step>
__global__ void step_each(device_step s) {
  const std::int64_t all = s.samples * s.size;
  for (std::int64_t i = blockIdx.x * std::int64_t{blockDim.x} + threadIdx.x; i < all;
       i += std::int64_t{gridDim.x} * blockDim.x) {
    const std::int64_t sample = i / s.size;
    const std::int64_t channel = (i - sample * s.size) / s.per_channel;
    const Step step{number_of(s.length, sample), number_of(s.radius, sample), number_of(s.lower, channel),
                    number_of(s.upper, channel)};
    s.to[i] = step(s.from[i], gradient_at(s.gradient, s.type, i), s.x[i]);
  }
}

/// The same four at once, all with the same numbers: sixteen bytes an access.
template <class Step>
__global__ void step_fours(device_step s) {
  const Step step{s.length.number, s.radius.number, s.lower.number, s.upper.number};
  const std::int64_t all = s.samples * s.size / 4;
  for (std::int64_t k = blockIdx.x * std::int64_t{blockDim.x} + threadIdx.x; k < all;
       k += std::int64_t{gridDim.x} * blockDim.x) {
    const four g = gradients_at(s.gradient, s.type, 4 * k);
    const four from = four_at(s.from, 4 * k);
    const four x = four_at(s.x, 4 * k);
    *reinterpret_cast<four*>(s.to + 4 * k) =
        four_of([&](int i) { return step(from.each[i], g.each[i], x.each[i]); });
  }
}

}  // namespace redoubt::cuda::detail

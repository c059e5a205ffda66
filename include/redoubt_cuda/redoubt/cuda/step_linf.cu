// The linf step on a device: one pass, 16 bytes at once where size and alignment let it.

#include <algorithm>
#include <cstdint>
#include <redoubt/cuda/detail/gradient.cuh>
#include <redoubt/norm/detail/device_step.hpp>
#include <redoubt/norm/detail/linf_step.hpp>

namespace {

using redoubt::detail::device_number;
using redoubt::detail::device_step;
using linf_step = redoubt::detail::linf_step<float>;

__device__ float number_of(const device_number& number, std::int64_t i) {
  return number.each == nullptr ? number.number : number.each[i];
}

// Element by element: numbers per sample or channel, odd sizes, memory that is not aligned.
__global__ void step_each(device_step s) {
  const std::int64_t all = s.samples * s.size;
  for (std::int64_t i = blockIdx.x * std::int64_t{blockDim.x} + threadIdx.x; i < all;
       i += std::int64_t{gridDim.x} * blockDim.x) {
    const std::int64_t sample = i / s.size;
    const std::int64_t channel = (i - sample * s.size) / s.per_channel;
    const linf_step step{number_of(s.length, sample), number_of(s.radius, sample), number_of(s.lower, channel),
                         number_of(s.upper, channel)};
    s.to[i] = step(s.from[i], redoubt::cuda::detail::gradient_at(s.gradient, s.type, i), s.x[i]);
  }
}

__global__ void step_fours(device_step s) {
  const linf_step step{s.length.number, s.radius.number, s.lower.number, s.upper.number};
  const std::int64_t all = s.samples * s.size / 4;
  for (std::int64_t k = blockIdx.x * std::int64_t{blockDim.x} + threadIdx.x; k < all;
       k += std::int64_t{gridDim.x} * blockDim.x) {
    const float4 g = redoubt::cuda::detail::gradients_at(s.gradient, s.type, 4 * k);
    const float4 from = redoubt::cuda::detail::four_at(s.from, 4 * k);
    const float4 x = redoubt::cuda::detail::four_at(s.x, 4 * k);
    *reinterpret_cast<float4*>(s.to + 4 * k) = {step(from.x, g.x, x.x), step(from.y, g.y, x.y), step(from.z, g.z, x.z),
                                                step(from.w, g.w, x.w)};
  }
}

bool is_aligned(const device_step& s) {
  const auto bits = reinterpret_cast<std::uintptr_t>(s.to) | reinterpret_cast<std::uintptr_t>(s.from) |
                    reinterpret_cast<std::uintptr_t>(s.x) | reinterpret_cast<std::uintptr_t>(s.gradient);
  return bits % 16 == 0;
}

}  // namespace

int redoubt_cuda_step_linf(const device_step& s) {
  constexpr int threads = 256;
  const bool same =
      s.length.each == nullptr && s.radius.each == nullptr && s.lower.each == nullptr && s.upper.each == nullptr;
  const std::int64_t all = s.samples * s.size;
  const bool fours = same && all % 4 == 0 && is_aligned(s);
  const std::int64_t work = fours ? all / 4 : all;
  const auto blocks = static_cast<unsigned>(std::min<std::int64_t>((work + threads - 1) / threads, 1 << 20));
  auto* const stream = static_cast<cudaStream_t>(s.stream);
  if (fours) {
    step_fours<<<blocks, threads, 0, stream>>>(s);
  } else {
    step_each<<<blocks, threads, 0, stream>>>(s);
  }
  return static_cast<int>(cudaGetLastError());
}

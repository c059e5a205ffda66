// The linf step on a device: element by element, 16 bytes at once where size and alignment let it; with momentum sample
// by sample.

#include <algorithm>
#include <cstdint>
#include <redoubt/cuda/detail/launch.cuh>
#include <redoubt/cuda/detail/step_linf.cuh>
#include <redoubt/norm/detail/ball_steps.hpp>
#include <redoubt/norm/detail/device_step.hpp>

namespace {

bool is_the_same_for_all(const redoubt::detail::device_step& s) {
  return s.length.each == nullptr && s.radius.each == nullptr && s.lower.each == nullptr && s.upper.each == nullptr;
}

}  // namespace

int redoubt_cuda_step_linf(const redoubt::detail::device_step& s) {
  if (s.gathered != nullptr) {  // a gradient is gathered in units of its sample's
    return redoubt::cuda::detail::launch(s, redoubt::detail::linf_sample_step{});
  }
  constexpr int threads = 256;
  const std::int64_t all = s.samples * s.size;
  const bool fours = all % 4 == 0 && is_the_same_for_all(s) && redoubt::cuda::detail::is_aligned(s);
  const std::int64_t work = fours ? all / 4 : all;
  const auto blocks = static_cast<unsigned>(std::min<std::int64_t>((work + threads - 1) / threads, 1 << 20));
  auto* const stream = static_cast<cudaStream_t>(s.stream);
  if (fours) {
    redoubt::cuda::detail::step_fours<redoubt::cuda::detail::linf_step><<<blocks, threads, 0, stream>>>(s);
  } else {
    redoubt::cuda::detail::step_each<redoubt::cuda::detail::linf_step><<<blocks, threads, 0, stream>>>(s);
  }
  return static_cast<int>(cudaGetLastError());
}

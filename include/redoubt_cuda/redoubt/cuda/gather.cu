// Momentum on a device.

#include <redoubt/attack/detail/device_gather.hpp>
#include <redoubt/cuda/detail/gather.cuh>

int redoubt_cuda_gather(const redoubt::detail::device_gather& s) {
  constexpr int threads = 512;
  redoubt::cuda::detail::gather<threads>
      <<<static_cast<unsigned>(s.samples), threads, sizeof(redoubt::cuda::detail::block_team<threads>::shared), static_cast<cudaStream_t>(s.stream)>>>(s);
  return static_cast<int>(cudaGetLastError());
}

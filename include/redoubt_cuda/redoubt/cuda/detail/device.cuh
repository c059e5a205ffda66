#pragma once

#include <cstdint>

namespace redoubt::cuda::detail {

// What the kernels ask of a device beyond what any has. Clusters are blocks that can read each other's shared memory
// (compute capability 9.0 and later); elsewhere each block is a cluster of one.

/// A float16's bits in float32: one instruction, for which cuda_fp16.h would take half a second to compile.
[[nodiscard]] __device__ inline float half_number(std::uint16_t bits) {
  float number;
  asm("cvt.f32.f16 %0, %1;" : "=f"(number) : "h"(bits));
  return number;
}

struct alignas(16) sixteen_bytes {
  unsigned char each[16];
};

/// A block's shared memory, aligned to sixteen bytes: as much as the launch asked for.
[[nodiscard]] __device__ inline unsigned char* shared_memory() {
  extern __shared__ sixteen_bytes memory[];
  return memory->each;
}

#if __CUDA_ARCH__ >= 900
[[nodiscard]] __device__ inline unsigned cluster_blocks() {
  return __clusterSizeInBlocks();
}

/// Which of its cluster's blocks this one is.
[[nodiscard]] __device__ inline unsigned cluster_rank() {
  return __clusterRelativeBlockRank();
}

/// Waits for all threads of the cluster; what they wrote into shared memory before can be read after it.
__device__ inline void wait_for_cluster() {
  __cluster_barrier_arrive();
  __cluster_barrier_wait();
}

/// Where block `rank` of the cluster has what this one has at `own`, in its shared memory.
template <class T>
[[nodiscard]] __device__ T* in_block(T* own, unsigned rank) {
  return static_cast<T*>(__cluster_map_shared_rank(own, rank));
}
#else
[[nodiscard]] __device__ inline unsigned cluster_blocks() {
  return 1;
}
[[nodiscard]] __device__ inline unsigned cluster_rank() {
  return 0;
}
__device__ inline void wait_for_cluster() {
  __syncthreads();
}
template <class T>
[[nodiscard]] __device__ T* in_block(T* own, unsigned /*rank*/) {
  return own;
}
#endif

}  // namespace redoubt::cuda::detail

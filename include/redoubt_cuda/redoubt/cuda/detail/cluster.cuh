#pragma once

#include <redoubt/cuda/detail/reads.cuh>

namespace redoubt::cuda::detail {

// What the kernels ask of a device about clusters: blocks that can read each other's shared memory (compute capability
// 9.0 and later). Elsewhere each block is a cluster of one.

/// A block's shared memory, aligned to sixteen bytes: as much as the launch asked for.
[[nodiscard]] __device__ inline unsigned char* shared_memory() {
  extern __shared__ four memory[];
  return reinterpret_cast<unsigned char*>(memory);
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

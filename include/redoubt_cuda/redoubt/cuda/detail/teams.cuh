#pragma once

#include <cstdint>
#include <redoubt/cuda/detail/device.cuh>
#include <redoubt/norm/detail/terms.hpp>

namespace redoubt::cuda::detail {

// Threads that have a sample among them: a warp, a block, or the blocks of a cluster.
//
// What a team makes of a number that each of its threads has, all of them get, in an order that hangs on the team's size
// alone: the same bits in each run. All threads of a team call its functions alike. A team keeps what its threads share
// at the beginning of the block's shared memory: see `shared`.

/// Numbers of the threads before this one, added; and of all.
struct running {
  int before;
  int all;
};

/// How many sums a team takes at once, at most.
inline constexpr int most_terms = 2;

// Loops over a warp's lanes are not unrolled: each turn waits for the one before, and there are many sums to compile.

template <int K>
__device__ void add_up_over_warp(redoubt::detail::terms<double, K>& own) {
#pragma unroll 1
  for (int offset = 16; offset > 0; offset /= 2) {
#pragma unroll
    for (int k = 0; k < K; ++k) {
      own.each[k] += __shfl_xor_sync(0xffffffffU, own.each[k], offset);
    }
  }
}

[[nodiscard]] __device__ inline float largest_of_warp(float own) {
#pragma unroll 1
  for (int offset = 16; offset > 0; offset /= 2) {
    const float other = __shfl_xor_sync(0xffffffffU, own, offset);
    own = other > own ? other : own;
  }
  return own;
}

[[nodiscard]] __device__ inline running before_in_warp(int own) {
  int upto = own;
#pragma unroll 1
  for (int offset = 1; offset < 32; offset *= 2) {
    const int other = __shfl_up_sync(0xffffffffU, upto, offset);
    upto += static_cast<int>(threadIdx.x % 32) >= offset ? other : 0;
  }
  return {upto - own, __shfl_sync(0xffffffffU, upto, 31)};
}

/// A warp, one of several in its block: nothing is shared, nobody waits.
template <int Threads>
class warp_team {
  static_assert(Threads % 32 == 0, "whole warps");

 public:
  static constexpr int threads = Threads;  ///< of a block
  struct shared {};

  [[nodiscard]] static __device__ std::int64_t sample() {
    return blockIdx.x * std::int64_t{Threads / 32} + threadIdx.x / 32;
  }
  [[nodiscard]] static __device__ unsigned rank() { return threadIdx.x % 32; }
  [[nodiscard]] static __device__ unsigned size() { return 32; }

  /// `own` becomes the sum over the threads.
  template <int K>
  __device__ void add_up(redoubt::detail::terms<double, K>& own) const {
    add_up_over_warp(own);
  }

  [[nodiscard]] __device__ float largest_of(float own) const { return largest_of_warp(own); }
  [[nodiscard]] __device__ running before(int own) const { return before_in_warp(own); }
};

/// A block.
template <int Threads>
class block_team {
  static_assert(Threads % 32 == 0 && Threads <= 1024, "whole warps");

 public:
  static constexpr int threads = Threads;

  /// Twice, as a sum may be asked for while slow threads still read the one before.
  struct alignas(16) shared {
    double parts[2][Threads / 32][most_terms];
  };

  __device__ block_team() : memory_{*reinterpret_cast<shared*>(shared_memory())} {}

  [[nodiscard]] static __device__ std::int64_t sample() { return blockIdx.x; }
  [[nodiscard]] static __device__ unsigned rank() { return threadIdx.x; }
  [[nodiscard]] static __device__ unsigned size() { return Threads; }

  /// `own` becomes the sum over the threads.
  template <int K>
  __device__ void add_up(redoubt::detail::terms<double, K>& own) const {
    static_assert(K <= most_terms);
    auto& parts = next();
    add_up_over_warp(own);
    if (threadIdx.x % 32 == 0) {
#pragma unroll
      for (int k = 0; k < K; ++k) {
        parts[threadIdx.x / 32][k] = own.each[k];
      }
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < K; ++k) {
      own.each[k] = 0;
      for (int w = 0; w < Threads / 32; ++w) {
        own.each[k] += parts[w][k];
      }
    }
  }

  [[nodiscard]] __device__ float largest_of(float own) const {
    auto& parts = next();
    float most = largest_of_warp(own);
    if (threadIdx.x % 32 == 0) {
      parts[threadIdx.x / 32][0] = most;
    }
    __syncthreads();
    for (int w = 0; w < Threads / 32; ++w) {
      const auto other = static_cast<float>(parts[w][0]);
      most = other > most ? other : most;
    }
    return most;
  }

  [[nodiscard]] __device__ running before(int own) const {
    auto& parts = next();
    const running warp = before_in_warp(own);
    if (threadIdx.x % 32 == 0) {
      parts[threadIdx.x / 32][0] = warp.all;
    }
    __syncthreads();
    running total{warp.before, 0};
#pragma unroll 1  // rarely asked for
    for (int w = 0; w < Threads / 32; ++w) {
      const auto other = static_cast<int>(parts[w][0]);
      total.before += w < static_cast<int>(threadIdx.x / 32) ? other : 0;
      total.all += other;
    }
    return total;
  }

 private:
  using parts_of_a_turn = double[Threads / 32][most_terms];

  __device__ parts_of_a_turn& next() const {
    turn_ ^= 1;
    return memory_.parts[turn_];
  }

  shared& memory_;
  mutable int turn_ = 0;
};

/// The blocks of a cluster, up to sixteen; a block where the device has no clusters, or the launch asked for none.
template <int Threads>
class cluster_team {
 public:
  static constexpr int threads = Threads;  ///< of a block
  static constexpr unsigned most_blocks = 16;

  /// Every block is told what each found; twice, as above.
  struct alignas(16) shared {
    typename block_team<Threads>::shared block;
    double told[2][most_blocks][most_terms];
  };

  __device__ cluster_team() : told_{reinterpret_cast<shared*>(shared_memory())->told} {
    wait_for_cluster();  // nobody writes into a block that has not begun
  }

  [[nodiscard]] static __device__ std::int64_t sample() { return blockIdx.x / cluster_blocks(); }
  [[nodiscard]] static __device__ unsigned rank() { return cluster_rank() * Threads + threadIdx.x; }
  [[nodiscard]] static __device__ unsigned size() { return cluster_blocks() * Threads; }

  /// `own` becomes the sum over the threads.
  template <int K>
  __device__ void add_up(redoubt::detail::terms<double, K>& own) const {
    block_.add_up(own);
    const auto& blocks = tell(own);
#pragma unroll
    for (int k = 0; k < K; ++k) {
      own.each[k] = 0;
      for (unsigned b = 0; b < cluster_blocks(); ++b) {
        own.each[k] += blocks[b][k];
      }
    }
  }

  [[nodiscard]] __device__ float largest_of(float own) const {
    float most = block_.largest_of(own);
    const auto& blocks = tell(redoubt::detail::terms<double, 1>{{most}});
    for (unsigned b = 0; b < cluster_blocks(); ++b) {
      const auto other = static_cast<float>(blocks[b][0]);
      most = other > most ? other : most;
    }
    return most;
  }

  [[nodiscard]] __device__ running before(int own) const {
    const running block = block_.before(own);
    const auto& blocks = tell(redoubt::detail::terms<double, 1>{{static_cast<double>(block.all)}});
    running total{block.before, 0};
#pragma unroll 1
    for (unsigned b = 0; b < cluster_blocks(); ++b) {
      const auto other = static_cast<int>(blocks[b][0]);
      total.before += b < cluster_rank() ? other : 0;
      total.all += other;
    }
    return total;
  }

 private:
  using told_of_a_turn = double[most_blocks][most_terms];

  // Each block's numbers, in this block's memory. Nobody is told anything after the last wait, so that a block may end
  // while others still read their own.
  template <int K>
  __device__ const told_of_a_turn& tell(const redoubt::detail::terms<double, K>& own) const {
    turn_ ^= 1;
    if (threadIdx.x < cluster_blocks()) {
      double* const to = in_block(&told_[turn_][cluster_rank()][0], threadIdx.x);
#pragma unroll
      for (int k = 0; k < K; ++k) {
        to[k] = own.each[k];
      }
    }
    wait_for_cluster();
    return told_[turn_];
  }

  block_team<Threads> block_;
  told_of_a_turn* told_;
  mutable int turn_ = 0;
};

}  // namespace redoubt::cuda::detail

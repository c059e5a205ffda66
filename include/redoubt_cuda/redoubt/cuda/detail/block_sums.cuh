#pragma once

#include <redoubt/norm/detail/terms.hpp>

namespace redoubt::cuda::detail {

/// What a block's threads make of a number that each of them has: all of them get it.
///
/// In an order that hangs on Threads alone: the same bits in each run.
template <int Threads>
class block_sums {
  static_assert(Threads % 32 == 0 && Threads <= 1024, "whole warps");

 public:
  static constexpr int most_terms = 2;

  /// What the threads share: twice, as a sum may be asked for while slow threads still read the one before.
  struct shared {
    double parts[2][Threads / 32][most_terms];
  };

  /// Numbers of the threads before this one, added; and of all.
  struct running {
    int before;
    int all;
  };

  __device__ explicit block_sums(shared& memory) : memory_{memory} {}

  /// `own` becomes the sum over the threads.
  template <int K>
  __device__ void add_up(redoubt::detail::terms<double, K>& own) const {
    static_assert(K <= most_terms);
    auto& parts = next();
#pragma unroll
    for (int k = 0; k < K; ++k) {
      const double warp = over_warp(own.each[k], [](double a, double b) { return a + b; });
      if (threadIdx.x % 32 == 0) {
        parts[threadIdx.x / 32][k] = warp;
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
    float most = over_warp(own, [](float a, float b) { return a > b ? a : b; });
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
    int upto = own;
#pragma unroll
    for (int offset = 1; offset < 32; offset *= 2) {
      const int other = __shfl_up_sync(0xffffffffU, upto, offset);
      upto += static_cast<int>(threadIdx.x % 32) >= offset ? other : 0;
    }
    if (threadIdx.x % 32 == 31) {
      parts[threadIdx.x / 32][0] = upto;
    }
    __syncthreads();
    running total{upto - own, 0};
    for (int w = 0; w < Threads / 32; ++w) {
      const auto warp = static_cast<int>(parts[w][0]);
      total.before += w < static_cast<int>(threadIdx.x / 32) ? warp : 0;
      total.all += warp;
    }
    return total;
  }

 private:
  using parts_of_a_turn = double[Threads / 32][most_terms];

  template <class V, class Combine>
  static __device__ V over_warp(V value, const Combine& combine) {
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) {
      value = combine(value, __shfl_xor_sync(0xffffffffU, value, offset));
    }
    return value;
  }

  __device__ parts_of_a_turn& next() const {
    turn_ ^= 1;
    return memory_.parts[turn_];
  }

  shared& memory_;
  mutable int turn_ = 0;
};

}  // namespace redoubt::cuda::detail

#pragma once

#include <cstdint>
#include <redoubt/cuda/detail/reads.cuh>

namespace redoubt::cuda::detail {

// Where the threads of a block hold a sample's elements. Thread t holds the elements 4 t + 4 Threads r + (0..3) of each
// round r, four side by side; those that fill up the last round are there, too.
//
// each_round(work) calls work(place, value, magnitude, room) for each round, `place` the first of the thread's four
// elements in it: all threads take part in all rounds.

/// In registers: samples of at most Threads * Items elements.
template <int Threads, int Items>
class in_registers {
  static_assert(Items % 4 == 0, "four side by side");

 public:
  static constexpr int threads = Threads;
  using total = float;  ///< in which a thread adds what it holds

  template <class Work>
  __device__ void each_round(const Work& work) {
#pragma unroll
    for (int round = 0; round < Items / 4; ++round) {
      work(4 * (std::int64_t{round} * Threads + threadIdx.x), value_[round], magnitude_[round], room_[round]);
    }
  }

 private:
  four value_[Items / 4];
  four magnitude_[Items / 4];
  four room_[Items / 4];
};

/// In the device's memory: samples of any size.
template <int Threads>
class in_memory {
 public:
  static constexpr int threads = Threads;
  using total = double;  ///< a thread holds hundreds

  /// `scratch` holds three numbers for each element of the rounds.
  __device__ in_memory(float* scratch, std::int64_t size)
      : rounds_{(size + 4 * Threads - 1) / (4 * Threads)}, value_{reinterpret_cast<four*>(scratch)} {}

  template <class Work>
  __device__ void each_round(const Work& work) {
    const std::int64_t fours = rounds_ * Threads;
    for (std::int64_t at = threadIdx.x; at < fours; at += Threads) {
      work(4 * at, value_[at], value_[fours + at], value_[2 * fours + at]);
    }
  }

 private:
  std::int64_t rounds_;
  four* value_;
};

}  // namespace redoubt::cuda::detail

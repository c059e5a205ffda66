#pragma once

#include <cstdint>
#include <redoubt/cuda/detail/device.cuh>
#include <redoubt/cuda/detail/reads.cuh>
#include <redoubt/norm/detail/device_step.hpp>

namespace redoubt::cuda::detail {

// Where the threads of a team hold a sample's elements: of each its value, and one number more (its room).
//
// Thread t of T holds the elements 4 t + 4 T r + (0..3) of each round r, four side by side; those that fill up the last
// round are there, too. each_round(work) calls work(place, value, room) for each round, `place` the first of the
// thread's four elements in it: all threads take part in all rounds.

/// In registers: samples of at most as many elements as the team's threads times Items.
template <class Team, int Items>
class in_registers {
  static_assert(Items % 4 == 0, "four side by side");

 public:
  /// Threads for which a multiprocessor has registers. Told nothing, the compiler spills some to make room for more.
  static constexpr int resident = 512;
  using total = float;  ///< in which a thread adds what it holds

  __device__ explicit in_registers(const redoubt::detail::device_step& /*step*/) {}

  template <class Work>
  __device__ void each_round(const Work& work) {
#pragma unroll
    for (int round = 0; round < Items / 4; ++round) {
      work(4 * (std::int64_t{round} * Team::size() + Team::rank()), value_[round], room_[round]);
    }
  }

 private:
  four value_[Items / 4];
  four room_[Items / 4];
};

/// Rounds in which a team takes the elements of a sample.
template <class Team>
[[nodiscard]] __device__ unsigned rounds_of(std::int64_t size) {
  const auto at_once = std::int64_t{4} * Team::size();
  return static_cast<unsigned>((size + at_once - 1) / at_once);
}

/// In shared memory, of each block what its threads hold: samples of at most as many elements as the launch made room
/// for.
template <class Team>
class in_shared {
 public:
  static constexpr int resident = 1024;
  using total = float;

  __device__ explicit in_shared(const redoubt::detail::device_step& step)
      : rounds_{rounds_of<Team>(step.size)},
        value_{reinterpret_cast<four*>(shared_memory() + sizeof(typename Team::shared))},
        room_{value_ + rounds_ * Team::threads} {}

  template <class Work>
  __device__ void each_round(const Work& work) {
    for (unsigned round = 0; round < rounds_; ++round) {
      const unsigned at = round * Team::threads + threadIdx.x;
      work(4 * (std::int64_t{round} * Team::size() + Team::rank()), value_[at], room_[at]);
    }
  }

 private:
  unsigned rounds_;
  four* value_;
  four* room_;
};

/// In the device's memory, in the step's scratch: samples of any size.
template <class Team>
class in_memory {
 public:
  static constexpr int resident = 512;
  using total = double;  ///< a thread holds hundreds

  __device__ explicit in_memory(const redoubt::detail::device_step& step)
      : fours_{std::int64_t{rounds_of<Team>(step.size)} * Team::size()},
        value_{reinterpret_cast<four*>(step.scratch) + 2 * fours_ * Team::sample()} {}

  template <class Work>
  __device__ void each_round(const Work& work) {
    for (std::int64_t at = Team::rank(); at < fours_; at += Team::size()) {
      work(4 * at, value_[at], value_[fours_ + at]);
    }
  }

 private:
  std::int64_t fours_;
  four* value_;
};

}  // namespace redoubt::cuda::detail

#pragma once

// A device on the host: runs kernels, as they are, one block after the other. A block's threads are coroutines that
// take turns at __syncthreads and at the warp's shuffles, so that an order of threads that a device may choose and a
// sum that reads what is not there yet show here, too. Include it before the kernels, and CUDA's headers not at all.

#include <math.h>
#include <ucontext.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <vector>

#define __CUDA_ARCH__ 900
#define __host__
#define __device__
#define __global__
#define __shared__ static
#define __launch_bounds__(...)

struct uint2 {
  unsigned x, y;
};
struct dim3_like {
  unsigned x = 1;
};

inline float __int_as_float(int bits) {
  return std::bit_cast<float>(bits);
}
inline float __uint_as_float(unsigned bits) {
  return std::bit_cast<float>(bits);
}

inline dim3_like threadIdx, blockIdx, blockDim, gridDim;

namespace redoubt::testing {

/// A block of threads that run in turn.
class emulated_block {
 public:
  /// Runs `body` in each of `threads` threads of block `index` of `blocks`. In `backwards` order the last thread's turn
  /// comes first. Throws std::logic_error where threads wait for others that have gone.
  static void run(unsigned blocks, unsigned index, unsigned threads, bool backwards,
                  const std::function<void()>& body) {
    emulated_block block{threads, backwards, body};
    current_ = &block;
    gridDim.x = blocks;
    blockIdx.x = index;
    blockDim.x = threads;
    block.take_turns();
    current_ = nullptr;
  }

  static void wait_for_block() { current_->wait(); }

  template <class V>
  static V exchange(V own, unsigned from) {
    emulated_block& block = *current_;
    const unsigned me = threadIdx.x;
    static_assert(sizeof(V) <= sizeof(std::uint64_t));
    std::memcpy(&block.slots_[me], &own, sizeof(V));
    block.wait();
    V theirs;
    std::memcpy(&theirs, &block.slots_[from], sizeof(V));
    block.wait();
    return theirs;
  }

 private:
  emulated_block(unsigned threads, bool backwards, const std::function<void()>& body)
      : body_{body},
        backwards_{backwards},
        contexts_(threads),
        stacks_(threads),
        done_(threads, false),
        slots_(threads) {
    for (unsigned t = 0; t < threads; ++t) {
      prepare(t);
    }
  }

  // Apart from the loop: getcontext returns twice, as a compiler sees it, and would not promise the loop its counter.
  void prepare(unsigned thread) {
    stacks_[thread].resize(256 * 1024);
    ucontext_t& context = contexts_[thread];
    getcontext(&context);
    context.uc_stack = {.ss_sp = stacks_[thread].data(), .ss_flags = 0, .ss_size = stacks_[thread].size()};
    context.uc_link = &back_;
    makecontext(&context, &emulated_block::enter, 0);
  }

  static void enter() {
    current_->body_();
    current_->done_[threadIdx.x] = true;
  }

  void wait() {
    const unsigned me = threadIdx.x;
    swapcontext(&contexts_[me], &back_);
    threadIdx.x = me;
  }

  // Each round every thread runs up to where it waits next: nobody is a barrier ahead of the others.
  void take_turns() {
    const auto threads = static_cast<unsigned>(contexts_.size());
    for (unsigned left = threads; left > 0;) {
      unsigned gone = 0;
      for (unsigned k = 0; k < threads; ++k) {
        const unsigned t = backwards_ ? threads - 1 - k : k;
        threadIdx.x = t;
        swapcontext(&back_, &contexts_[t]);
        gone += done_[t] ? 1 : 0;
      }
      if (gone != 0 && gone != threads) {
        throw std::logic_error("some threads of the block wait for others that have gone");
      }
      left -= gone;
    }
  }

  inline static emulated_block* current_ = nullptr;
  const std::function<void()>& body_;
  bool backwards_;
  ucontext_t back_{};
  std::vector<ucontext_t> contexts_;
  std::vector<std::vector<char>> stacks_;
  std::vector<bool> done_;
  std::vector<std::uint64_t> slots_;
};

/// Runs a kernel's blocks one after the other.
inline void launch(unsigned blocks, unsigned threads, bool backwards, const std::function<void()>& kernel) {
  for (unsigned b = 0; b < blocks; ++b) {
    emulated_block::run(blocks, b, threads, backwards, kernel);
  }
}

}  // namespace redoubt::testing

inline void __syncthreads() {
  redoubt::testing::emulated_block::wait_for_block();
}

template <class V>
V __shfl_xor_sync(unsigned /*mask*/, V value, int lanes) {
  return redoubt::testing::emulated_block::exchange(value, threadIdx.x ^ static_cast<unsigned>(lanes));
}

template <class V>
V __shfl_up_sync(unsigned /*mask*/, V value, unsigned lanes) {
  const unsigned lane = threadIdx.x % 32;
  return redoubt::testing::emulated_block::exchange(value, lane < lanes ? threadIdx.x : threadIdx.x - lanes);
}

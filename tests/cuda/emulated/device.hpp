#pragma once

// A device on the host: runs kernels, as they are, one cluster after the other. A cluster's threads are coroutines that
// take turns at barriers and at the warp's shuffles, so that an order of threads that a device may choose and a sum
// that reads what is not there yet show here, too. Include it before the kernels, and CUDA's headers not at all.

#include <math.h>
#include <ucontext.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
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

/// What a kernel is launched with.
struct grid {
  unsigned blocks = 1;
  unsigned threads = 32;
  unsigned cluster = 1;    ///< blocks of a cluster
  std::size_t shared = 0;  ///< bytes of shared memory that a block asks for
  bool backwards = false;  ///< the last thread's turn comes first
};

/// A cluster of blocks whose threads run in turn.
class emulated_cluster {
 public:
  /// Runs `body` in each thread of the cluster that begins with block `first`. Throws what a thread throws, and
  /// std::logic_error where threads wait for others that have gone.
  static void run(const grid& g, unsigned first, const std::function<void()>& body) {
    emulated_cluster cluster{g, first, body};
    current_ = &cluster;
    gridDim.x = g.blocks;
    blockDim.x = g.threads;
    cluster.take_turns();
    current_ = nullptr;
  }

  static void wait_for_block() { current_->wait(current_->grid_.threads); }
  static void wait_for_cluster() { current_->wait(current_->grid_.threads * current_->grid_.cluster); }

  [[nodiscard]] static unsigned blocks() { return current_->grid_.cluster; }

  [[nodiscard]] static unsigned char* shared_memory() { return current_->memory_of(current_->rank()); }

  /// Throws std::logic_error for what is not the block's shared memory.
  [[nodiscard]] static unsigned char* in_block(const unsigned char* own, unsigned rank) {
    const auto offset = static_cast<std::size_t>(own - shared_memory());
    if (offset >= current_->grid_.shared || rank >= blocks()) {
      throw std::logic_error("what a block reads of another is not in its shared memory");
    }
    return current_->memory_of(rank) + offset;
  }

  template <class V>
  static V exchange(V own, unsigned from) {
    emulated_cluster& cluster = *current_;
    const unsigned first = cluster.rank() * cluster.grid_.threads;
    static_assert(sizeof(V) <= sizeof(std::uint64_t));
    std::memcpy(&cluster.slots_[first + threadIdx.x], &own, sizeof(V));
    cluster.wait(32);
    V theirs;
    std::memcpy(&theirs, &cluster.slots_[first + from], sizeof(V));
    cluster.wait(32);
    return theirs;
  }

 private:
  emulated_cluster(const grid& g, unsigned first, const std::function<void()>& body)
      : body_{body},
        grid_{g},
        first_{first},
        contexts_(g.threads * g.cluster),
        stacks_(contexts_.size()),
        done_(contexts_.size(), false),
        awaited_(contexts_.size(), 1),
        slots_(contexts_.size()),
        memory_(g.cluster, std::vector<std::uint64_t>((g.shared + 15) / 16 * 2 + 2)) {
    for (unsigned t = 0; t < contexts_.size(); ++t) {
      prepare(t);
    }
  }

  // Apart from the loop: getcontext returns twice, as a compiler sees it, and would not promise the loop its counter.
  void prepare(unsigned thread) {
    constexpr std::size_t size = 256 * 1024;
    stacks_[thread] = std::make_unique_for_overwrite<char[]>(size);  // of which few pages are ever touched
    ucontext_t& context = contexts_[thread];
    getcontext(&context);
    context.uc_stack = {.ss_sp = stacks_[thread].get(), .ss_flags = 0, .ss_size = size};
    context.uc_link = &back_;
    makecontext(&context, &emulated_cluster::enter, 0);
  }

  static void enter() {
    try {
      current_->body_();
    } catch (...) {
      current_->thrown_ = std::current_exception();  // there is nothing above a coroutine
    }
    current_->done_[current_->me()] = true;
  }

  // Of the cluster's threads.
  [[nodiscard]] unsigned me() const { return rank() * grid_.threads + threadIdx.x; }
  [[nodiscard]] unsigned rank() const { return blockIdx.x - first_; }

  // Aligned to sixteen bytes.
  [[nodiscard]] unsigned char* memory_of(unsigned rank) {
    void* at = memory_[rank].data();
    std::size_t room = memory_[rank].size() * sizeof(std::uint64_t);
    return static_cast<unsigned char*>(std::align(16, grid_.shared, at, room));
  }

  // For the threads of a warp, block or cluster: `many` that lie side by side.
  void wait(unsigned many) {
    const unsigned own = me();
    awaited_[own] = many;
    swapcontext(&contexts_[own], &back_);
    be(own);
  }

  void be(unsigned thread) {
    blockIdx.x = first_ + thread / grid_.threads;
    threadIdx.x = thread % grid_.threads;
  }

  // Each round every thread runs up to where it waits next: nobody is a barrier ahead of the others.
  void take_turns() {
    const auto threads = static_cast<unsigned>(contexts_.size());
    for (bool left = true; left;) {
      left = false;
      for (unsigned k = 0; k < threads; ++k) {
        const unsigned t = grid_.backwards ? threads - 1 - k : k;
        if (!done_[t]) {
          be(t);
          swapcontext(&back_, &contexts_[t]);
          left |= !done_[t];
        }
        if (thrown_) {
          std::rethrow_exception(thrown_);
        }
      }
      for (unsigned t = 0; t < threads; ++t) {
        require_all_here(t);
      }
    }
  }

  void require_all_here(unsigned thread) const {
    if (done_[thread]) {
      return;
    }
    const unsigned many = awaited_[thread];
    for (unsigned other = thread / many * many; other < (thread / many + 1) * many; ++other) {
      if (done_[other] || awaited_[other] != many) {
        throw std::logic_error("some threads wait for others that have gone, or wait elsewhere");
      }
    }
  }

  inline static emulated_cluster* current_ = nullptr;
  const std::function<void()>& body_;
  grid grid_;
  unsigned first_;
  ucontext_t back_{};
  std::exception_ptr thrown_;
  std::vector<ucontext_t> contexts_;
  std::vector<std::unique_ptr<char[]>> stacks_;
  std::vector<bool> done_;
  std::vector<unsigned> awaited_;
  std::vector<std::uint64_t> slots_;
  std::vector<std::vector<std::uint64_t>> memory_;
};

/// Runs a kernel's clusters one after the other.
inline void launch(const grid& g, const std::function<void()>& kernel) {
  for (unsigned first = 0; first < g.blocks; first += g.cluster) {
    emulated_cluster::run(g, first, kernel);
  }
}

}  // namespace redoubt::testing

inline void __syncthreads() {
  redoubt::testing::emulated_cluster::wait_for_block();
}

template <class V>
V __shfl_xor_sync(unsigned /*mask*/, V value, int lanes) {
  return redoubt::testing::emulated_cluster::exchange(value, threadIdx.x ^ static_cast<unsigned>(lanes));
}

template <class V>
V __shfl_up_sync(unsigned /*mask*/, V value, unsigned lanes) {
  const unsigned lane = threadIdx.x % 32;
  return redoubt::testing::emulated_cluster::exchange(value, lane < lanes ? threadIdx.x : threadIdx.x - lanes);
}

template <class V>
V __shfl_sync(unsigned /*mask*/, V value, int from) {
  return redoubt::testing::emulated_cluster::exchange(value, threadIdx.x / 32 * 32 + static_cast<unsigned>(from));
}

#pragma once

#include <cstdint>
#include <redoubt/cuda/detail/block_sums.cuh>
#include <redoubt/norm/detail/terms.hpp>

namespace redoubt::cuda::detail {

/// One sample's elements as a projection sees them, in the registers of a block's threads: the device's `serial`.
///
/// Thread t holds the elements t * 4 + 4 * Threads * c + (0..3), sixteen bytes of float32 side by side. A sample has at
/// most Threads * Items elements; those that fill up the last threads are zero, with nowhere to go. Functions that a
/// projection calls are host functions, too, since projections are; they do nothing there.
template <int Threads, int Items>
class block_elements {
  static_assert(Items % 4 == 0, "sixteen bytes side by side");

 public:
  using number = float;
  using shared = typename block_sums<Threads>::shared;

  __device__ explicit block_elements(shared& memory) : over_block_{memory} {}

  /// Sets an element: its value and how far it may go in its direction.
  __device__ void set(int item, float value, float room) {
    value_[item] = value;
    magnitude_[item] = fabsf(value);
    room_[item] = room;
  }
  [[nodiscard]] __device__ float value(int item) const { return value_[item]; }

  /// The K sums over all elements of the terms that f(magnitude, room) gives: in float32 within a thread, in double
  /// precision over the threads.
  template <int K, class F>
  [[nodiscard]] __host__ __device__ redoubt::detail::terms<double, K> sums(const F& f) const {
    redoubt::detail::terms<double, K> total{};
#if defined(__CUDA_ARCH__)
    redoubt::detail::terms<float, K> own{};
#pragma unroll
    for (int i = 0; i < Items; ++i) {
      const redoubt::detail::terms<float, K> next = f(magnitude_[i], room_[i]);
#pragma unroll
      for (int k = 0; k < K; ++k) {
        own.each[k] += next.each[k];
      }
    }
#pragma unroll
    for (int k = 0; k < K; ++k) {
      total.each[k] = own.each[k];
    }
    over_block_.add_up(total);
#endif
    return total;
  }

  /// The largest magnitude; a NaN counts for nothing.
  [[nodiscard]] __host__ __device__ float largest() const {
    float most = 0;
#if defined(__CUDA_ARCH__)
#pragma unroll
    for (int i = 0; i < Items; ++i) {
      most = magnitude_[i] > most ? magnitude_[i] : most;
    }
    most = over_block_.largest_of(most);
#endif
    return most;
  }

  /// Replaces each pair by what f(magnitude, room) gives.
  template <class F>
  __host__ __device__ void replace(const F& f) {
#if defined(__CUDA_ARCH__)
#pragma unroll
    for (int i = 0; i < Items; ++i) {
      const redoubt::detail::terms<float, 2> next = f(magnitude_[i], room_[i]);
      magnitude_[i] = next.each[0];
      room_[i] = next.each[1];
    }
#endif
  }

  /// value <- f(magnitude, room) with the value's sign.
  template <class F>
  __host__ __device__ void write(const F& f) {
#if defined(__CUDA_ARCH__)
#pragma unroll
    for (int i = 0; i < Items; ++i) {
      const float next = f(magnitude_[i], room_[i]);
      value_[i] = value_[i] < 0 ? -next : next;
    }
#endif
  }

  /// Keeps the magnitude of the elements whose second number exceeds `bound`, and of the first `ties` that equal it;
  /// the others become zero.
  __host__ __device__ void write_above(float bound, std::int64_t ties) {
#if defined(__CUDA_ARCH__)
#pragma unroll
    for (int chunk = 0; chunk < Items / 4; ++chunk) {
      int equal = 0;
#pragma unroll
      for (int i = 4 * chunk; i < 4 * chunk + 4; ++i) {
        equal += room_[i] == bound ? 1 : 0;
      }
      const auto place = over_block_.before(equal);
      std::int64_t left = ties - place.before;
#pragma unroll
      for (int i = 4 * chunk; i < 4 * chunk + 4; ++i) {
        const bool kept = room_[i] > bound || (room_[i] == bound && left-- > 0);
        value_[i] = !kept ? 0 : value_[i] < 0 ? -magnitude_[i] : magnitude_[i];
      }
      ties -= place.all;
    }
#endif
  }

 private:
  block_sums<Threads> over_block_;
  float value_[Items];
  float magnitude_[Items];
  float room_[Items];
};

}  // namespace redoubt::cuda::detail

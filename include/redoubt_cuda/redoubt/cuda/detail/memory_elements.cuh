#pragma once

#include <cstdint>
#include <redoubt/cuda/detail/block_sums.cuh>

namespace redoubt::cuda::detail {

/// The same for a sample that is too large for a block's registers: its elements lie in the device's memory, each read
/// and written by one thread alone.
template <int Threads>
class memory_elements {
 public:
  using number = float;
  using shared = typename block_sums<Threads>::shared;

  /// `scratch` holds three numbers for each of `size` elements.
  __device__ memory_elements(shared& memory, float* scratch, std::int64_t size)
      : over_block_{memory}, size_{size}, value_{scratch}, magnitude_{scratch + size}, room_{scratch + 2 * size} {}

  __device__ void set(std::int64_t place, float value, float room) {
    value_[place] = value;
    magnitude_[place] = fabsf(value);
    room_[place] = room;
  }
  [[nodiscard]] __device__ float value(std::int64_t place) const { return value_[place]; }

  template <int K, class F>
  [[nodiscard]] __host__ __device__ redoubt::detail::terms<double, K> sums(const F& f) const {
    redoubt::detail::terms<double, K> total{};
#if defined(__CUDA_ARCH__)
    // A thread adds some hundreds of elements: in double precision at once.
    for (std::int64_t i = threadIdx.x; i < size_; i += Threads) {
      const redoubt::detail::terms<float, K> next = f(magnitude_[i], room_[i]);
#pragma unroll
      for (int k = 0; k < K; ++k) {
        total.each[k] += next.each[k];
      }
    }
    over_block_.add_up(total);
#endif
    return total;
  }

  [[nodiscard]] __host__ __device__ float largest() const {
    float most = 0;
#if defined(__CUDA_ARCH__)
    for (std::int64_t i = threadIdx.x; i < size_; i += Threads) {
      most = magnitude_[i] > most ? magnitude_[i] : most;
    }
    most = over_block_.largest_of(most);
#endif
    return most;
  }

  template <class F>
  __host__ __device__ void replace(const F& f) {
#if defined(__CUDA_ARCH__)
    for (std::int64_t i = threadIdx.x; i < size_; i += Threads) {
      const redoubt::detail::terms<float, 2> next = f(magnitude_[i], room_[i]);
      magnitude_[i] = next.each[0];
      room_[i] = next.each[1];
    }
#endif
  }

  template <class F>
  __host__ __device__ void write(const F& f) {
#if defined(__CUDA_ARCH__)
    for (std::int64_t i = threadIdx.x; i < size_; i += Threads) {
      const float next = f(magnitude_[i], room_[i]);
      value_[i] = value_[i] < 0 ? -next : next;
    }
#endif
  }

  __host__ __device__ void write_above(float bound, std::int64_t ties) {
#if defined(__CUDA_ARCH__)
    for (std::int64_t first = 0; first < size_; first += Threads) {
      const std::int64_t i = first + threadIdx.x;
      const bool mine = i < size_;
      const bool equal = mine && room_[i] == bound;
      const auto place = over_block_.before(equal ? 1 : 0);
      if (mine) {
        const bool kept = room_[i] > bound || (equal && place.before < ties);
        value_[i] = !kept ? 0 : value_[i] < 0 ? -magnitude_[i] : magnitude_[i];
      }
      ties -= place.all;
    }
#endif
  }

 private:
  block_sums<Threads> over_block_;
  std::int64_t size_;
  float* value_;
  float* magnitude_;
  float* room_;
};

}  // namespace redoubt::cuda::detail

#pragma once

#include <cstdint>
#include <redoubt/cuda/detail/block_sums.cuh>
#include <redoubt/cuda/detail/reads.cuh>
#include <redoubt/norm/detail/terms.hpp>

namespace redoubt::cuda::detail {

/// One sample's elements as a projection sees them, among the threads of a block: the device's `serial`.
///
/// `Held` says where they are: see held.cuh. Those that fill up the last round are zero and stay so: they count for
/// nothing. Functions that a projection calls are host functions, too, since projections are; they do nothing there.
template <class Held>
class block_elements {
 public:
  using number = float;
  using shared = typename block_sums<Held::threads>::shared;

  /// Elements that are to be held, and how far each may go in its direction.
  struct pairs {
    four value;
    four room;
  };

  __device__ block_elements(shared& memory, const Held& held) : over_block_{memory}, held_{held} {}

  /// Sets the elements: f(place, value) gives four from `place` on, of the four that were there.
  template <class F>
  __device__ void fill(const F& f) {
    held_.each_round([&](std::int64_t place, four& value, four& magnitude, four& room) {
      const pairs next = f(place, value);
      value = next.value;
      magnitude = four_of([&](int k) { return fabsf(next.value.each[k]); });
      room = next.room;
    });
  }

  /// Calls f(place, value) for each four.
  template <class F>
  __device__ void read(const F& f) {
    held_.each_round([&](std::int64_t place, const four& value, const four&, const four&) { f(place, value); });
  }

  /// The K sums over all elements of the terms that f(magnitude, room) gives; in double precision over the threads.
  template <int K, class F>
  [[nodiscard]] __host__ __device__ redoubt::detail::terms<double, K> sums(const F& f) const {
    redoubt::detail::terms<double, K> total{};
#if defined(__CUDA_ARCH__)
    redoubt::detail::terms<typename Held::total, K> own{};
    each([&](float&, const float& magnitude, const float& room) {
      const redoubt::detail::terms<float, K> next = f(magnitude, room);
#pragma unroll
      for (int k = 0; k < K; ++k) {
        own.each[k] += next.each[k];
      }
    });
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
    each([&](float&, const float& magnitude, const float&) { most = magnitude > most ? magnitude : most; });
    most = over_block_.largest_of(most);
#endif
    return most;
  }

  /// Replaces each pair by what f(magnitude, room) gives.
  template <class F>
  __host__ __device__ void replace(const F& f) {
#if defined(__CUDA_ARCH__)
    each([&](float&, float& magnitude, float& room) {
      const redoubt::detail::terms<float, 2> next = f(magnitude, room);
      magnitude = next.each[0];
      room = next.each[1];
    });
#endif
  }

  /// value <- f(magnitude, room) with the value's sign.
  template <class F>
  __host__ __device__ void write(const F& f) {
#if defined(__CUDA_ARCH__)
    each([&](float& value, const float& magnitude, const float& room) {
      const float next = f(magnitude, room);
      value = value < 0 ? -next : next;
    });
#endif
  }

  /// Keeps the magnitude of the elements whose second number exceeds `bound`, and of the first `ties` that equal it;
  /// the others become zero.
  __host__ __device__ void write_above(float bound, std::int64_t ties) {
#if defined(__CUDA_ARCH__)
    held_.each_round([&](std::int64_t, four& value, const four& magnitude, const four& room) {
      int equal = 0;
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        equal += room.each[k] == bound ? 1 : 0;
      }
      const auto place = over_block_.before(equal);
      std::int64_t left = ties - place.before;
      value = four_of([&](int k) {
        const bool kept = room.each[k] > bound || (room.each[k] == bound && left-- > 0);
        return !kept ? 0 : value.each[k] < 0 ? -magnitude.each[k] : magnitude.each[k];
      });
      ties -= place.all;
    });
#endif
  }

 private:
  template <class Work>
  __device__ void each(const Work& work) const {
    held_.each_round([&](std::int64_t, four& value, four& magnitude, four& room) {
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        work(value.each[k], magnitude.each[k], room.each[k]);
      }
    });
  }

  block_sums<Held::threads> over_block_;
  mutable Held held_;  // a sum visits the elements as all others do
};

}  // namespace redoubt::cuda::detail

#pragma once

#include <cstdint>
#include <redoubt/cuda/detail/reads.cuh>
#include <redoubt/norm/detail/terms.hpp>

namespace redoubt::cuda::detail {

/// One sample's elements as a projection sees them, among the threads of a team: the device's `serial`.
///
/// `Held` says where they are: see held.cuh; an element's magnitude is its value without the sign. Elements that fill up
/// the last round are zero and stay so: they count for nothing. Functions that a projection calls are host functions,
/// too, since projections are; they do nothing there.
template <class Team, class Held>
class team_elements {
 public:
  using number = float;

  /// Elements that are to be held, and how far each may go in its direction.
  struct pairs {
    four value;
    four room;
  };

  __device__ team_elements(const Team& team, const Held& held) : team_{team}, held_{held} {}

  /// Sets the elements: f(place, value) gives four from `place` on, of the four that were there.
  template <class F>
  __device__ void fill(const F& f) {
    held_.each_round([&](std::int64_t place, four& value, four& room) {
      const pairs next = f(place, value);
      value = next.value;
      room = next.room;
    });
  }

  /// Calls f(place, value) for each four.
  template <class F>
  __device__ void read(const F& f) {
    held_.each_round([&](std::int64_t place, const four& value, const four&) { f(place, value); });
  }

  /// The K sums over all elements of the terms that f(magnitude, room) gives; in double precision over the threads.
  template <int K, class F>
  [[nodiscard]] __host__ __device__ redoubt::detail::terms<double, K> sums(const F& f) const {
    redoubt::detail::terms<double, K> total{};
#if defined(__CUDA_ARCH__)
    redoubt::detail::terms<typename Held::total, K> own{};
    each([&](float& value, const float& room) {
      const redoubt::detail::terms<float, K> next = f(fabsf(value), room);
#pragma unroll
      for (int k = 0; k < K; ++k) {
        own.each[k] += next.each[k];
      }
    });
#pragma unroll
    for (int k = 0; k < K; ++k) {
      total.each[k] = own.each[k];
    }
    team_.add_up(total);
#endif
    return total;
  }

  /// The largest magnitude; a NaN counts for nothing.
  [[nodiscard]] __host__ __device__ float largest() const {
    float most = 0;
#if defined(__CUDA_ARCH__)
    each([&](float& value, const float&) { most = fabsf(value) > most ? fabsf(value) : most; });
    most = team_.largest_of(most);
#endif
    return most;
  }

  /// Replaces each pair by what f(magnitude, room) gives.
  template <class F>
  __host__ __device__ void replace(const F& f) {
#if defined(__CUDA_ARCH__)
    each([&](float& value, float& room) {
      const redoubt::detail::terms<float, 2> next = f(fabsf(value), room);
      value = copysignf(next.each[0], value);
      room = next.each[1];
    });
#endif
  }

  /// value <- f(magnitude, room) with the value's sign.
  template <class F>
  __host__ __device__ void write(const F& f) {
#if defined(__CUDA_ARCH__)
    each([&](float& value, const float& room) { value = copysignf(f(fabsf(value), room), value); });
#endif
  }

  /// Keeps the magnitude of the elements whose second number exceeds `bound`, and of the first `ties` that equal it;
  /// the others become zero.
  __host__ __device__ void write_above(float bound, std::int64_t ties) {
#if defined(__CUDA_ARCH__)
    held_.each_round([&](std::int64_t, four& value, const four& room) {
      int equal = 0;
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        equal += room.each[k] == bound ? 1 : 0;
      }
      const auto place = team_.before(equal);
      std::int64_t left = ties - place.before;
      value = four_of([&](int k) {
        const bool kept = room.each[k] > bound || (room.each[k] == bound && left-- > 0);
        return kept ? value.each[k] : 0;
      });
      ties -= place.all;
    });
#endif
  }

 private:
  template <class Work>
  __device__ void each(const Work& work) const {
    held_.each_round([&](std::int64_t, four& value, four& room) {
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        work(value.each[k], room.each[k]);
      }
    });
  }

  Team team_;
  mutable Held held_;  // a sum visits the elements as all others do
};

}  // namespace redoubt::cuda::detail

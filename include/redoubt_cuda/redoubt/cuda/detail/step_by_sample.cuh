#pragma once

#include <cstdint>
#include <redoubt/cuda/detail/block_elements.cuh>
#include <redoubt/cuda/detail/memory_elements.cuh>
#include <redoubt/cuda/detail/reads.cuh>
#include <redoubt/norm/detail/device_step.hpp>
#include <redoubt/norm/detail/number.hpp>

namespace redoubt::cuda::detail {

using redoubt::detail::device_step;

/// One sample's numbers of a step.
struct sample_view {
  const device_step& s;
  std::int64_t sample;

  [[nodiscard]] __device__ float length() const { return number_of(s.length, sample); }
  [[nodiscard]] __device__ double radius() const { return number_of(s.radius, sample); }
  [[nodiscard]] __device__ float lower(std::int64_t place) const { return number_of(s.lower, channel(place)); }
  [[nodiscard]] __device__ float upper(std::int64_t place) const { return number_of(s.upper, channel(place)); }

  /// The gradient's element, of which the box lets nothing move out of it where that is asked for.
  template <bool FreeOnly>
  [[nodiscard]] __device__ float along(std::int64_t place) const {
    const std::int64_t i = sample * s.size + place;
    const float g = redoubt::detail::finite_or_zero<float>(gradient_at(s.gradient, s.type, i));
    if constexpr (FreeOnly) {
      const float from = s.from[i];
      return (g > 0 && from >= upper(place)) || (g < 0 && from <= lower(place)) ? 0 : g;
    }
    return g;
  }

  /// Where a step leads, less x.
  [[nodiscard]] __device__ float moved(std::int64_t place, float step) const {
    const std::int64_t i = sample * s.size + place;
    return s.from[i] + length() * step - s.x[i];
  }

  [[nodiscard]] __device__ float room(std::int64_t place, float d) const {
    const float x = s.x[sample * s.size + place];
    return redoubt::detail::larger(d < 0 ? x - lower(place) : upper(place) - x, 0.0F);
  }

  __device__ void write(std::int64_t place, float d) const {
    const std::int64_t i = sample * s.size + place;
    s.to[i] = redoubt::detail::smaller(redoubt::detail::larger(s.x[i] + d, lower(place)), upper(place));
  }

 private:
  [[nodiscard]] __device__ std::int64_t channel(std::int64_t place) const {
    return s.lower.each == nullptr && s.upper.each == nullptr ? 0 : place / s.per_channel;
  }
};

/// A block a sample, whose elements the threads hold in registers. `Ball` says what a step is: see balls.cuh.
template <class Ball, int Threads, int Items>
__global__ void __launch_bounds__(Threads) step_in_registers(device_step s) {
  using elements = block_elements<Threads, Items>;
  __shared__ typename elements::shared memory;
  elements e{memory};
  const sample_view sample{s, static_cast<std::int64_t>(blockIdx.x)};
  const auto each = [&](const auto& work) {
#pragma unroll
    for (int i = 0; i < Items; ++i) {
      const std::int64_t place = std::int64_t{i / 4} * 4 * Threads + std::int64_t{threadIdx.x} * 4 + i % 4;
      work(i, place, place < s.size);
    }
  };
  each([&](int i, std::int64_t place, bool mine) {
    e.set(i, mine ? sample.template along<Ball::free_only>(place) : 0, __int_as_float(0x7f800000));
  });
  Ball::direction(e, s);
  each([&](int i, std::int64_t place, bool mine) {
    const float d = mine ? sample.moved(place, e.value(i)) : 0;
    e.set(i, d, mine ? sample.room(place, d) : 0);
  });
  Ball::project(e, sample.radius());
  each([&](int i, std::int64_t place, bool mine) {
    if (mine) {
      sample.write(place, e.value(i));
    }
  });
}

/// A block a sample of any size, whose elements lie in the step's scratch.
template <class Ball, int Threads>
__global__ void __launch_bounds__(Threads) step_in_memory(device_step s) {
  using elements = memory_elements<Threads>;
  __shared__ typename elements::shared memory;
  const sample_view sample{s, static_cast<std::int64_t>(blockIdx.x)};
  elements e{memory, s.scratch + 3 * s.size * sample.sample, s.size};
  for (std::int64_t place = threadIdx.x; place < s.size; place += Threads) {
    e.set(place, sample.template along<Ball::free_only>(place), __int_as_float(0x7f800000));
  }
  Ball::direction(e, s);
  for (std::int64_t place = threadIdx.x; place < s.size; place += Threads) {
    const float d = sample.moved(place, e.value(place));
    e.set(place, d, sample.room(place, d));
  }
  Ball::project(e, sample.radius());
  for (std::int64_t place = threadIdx.x; place < s.size; place += Threads) {
    sample.write(place, e.value(place));
  }
}

}  // namespace redoubt::cuda::detail

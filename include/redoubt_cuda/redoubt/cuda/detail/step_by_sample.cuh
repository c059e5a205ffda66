#pragma once

#include <cstdint>
#include <redoubt/cuda/detail/reads.cuh>
#include <redoubt/cuda/detail/team_elements.cuh>
#include <redoubt/cuda/detail/teams.cuh>
#include <redoubt/norm/detail/device_step.hpp>
#include <redoubt/norm/detail/number.hpp>
#include <redoubt/norm/detail/unit.hpp>

namespace redoubt::cuda::detail {

using redoubt::detail::device_step;

/// One sample of a step, four elements at a time; elements beyond its end are 0.
class sample_view {
 public:
  __device__ sample_view(const device_step& s, std::int64_t sample)
      : s_{s},
        first_{sample * s.size},
        length_{number_of(s.length, sample)},
        radius_{number_of(s.radius, sample)},
        has_channels_{s.lower.each != nullptr || s.upper.each != nullptr} {}

  [[nodiscard]] __device__ double radius() const { return radius_; }
  [[nodiscard]] __device__ float length() const { return length_; }

  /// The gradient, without what is not finite.
  [[nodiscard]] __device__ four gradient(std::int64_t place) const {
    const four g = gradients(place);
    return four_of([&](int k) { return redoubt::detail::finite_or_zero<float>(g.each[k]); });
  }

  /// Adds to what is gathered, and gives that.
  [[nodiscard]] __device__ four gather(std::int64_t place, const four& more) const {
    const four before = numbers(s_.gathered, place);
    const four sum = four_of([&](int k) { return s_.decay * before.each[k] + more.each[k]; });
    store(s_.gathered, place, sum);
    return sum;
  }

  /// What of `along` does not lead out of the box.
  [[nodiscard]] __device__ four free_part(std::int64_t place, const four& along) const {
    const four from = numbers(s_.from, place);
    return four_of([&](int k) {
      const float value = along.each[k];
      const bool stuck =
          (value > 0 && from.each[k] >= upper(place + k)) || (value < 0 && from.each[k] <= lower(place + k));
      return stuck ? 0 : value;
    });
  }

  /// Where so many times a step leads, less x.
  [[nodiscard]] __device__ four moved(std::int64_t place, const four& step, float times) const {
    const four from = numbers(s_.from, place);
    const four x = numbers(s_.x, place);
    return four_of([&](int k) { return from.each[k] + times * step.each[k] - x.each[k]; });
  }

  /// How far x may go in the direction of d.
  [[nodiscard]] __device__ four room(std::int64_t place, const four& d) const {
    const four x = numbers(s_.x, place);
    return four_of([&](int k) {
      const float left = d.each[k] < 0 ? x.each[k] - lower(place + k) : upper(place + k) - x.each[k];
      return redoubt::detail::larger(left, 0.0F);
    });
  }

  /// The point becomes x + d, in the box.
  __device__ void write(std::int64_t place, const four& d) const {
    const four x = numbers(s_.x, place);
    const four point = four_of([&](int k) {
      return redoubt::detail::smaller(redoubt::detail::larger(x.each[k] + d.each[k], lower(place + k)),
                                      upper(place + k));
    });
    store(s_.to, place, point);
  }

 private:
  // Fours are aligned only where a sample's size is a multiple of four: they are then in the sample whole or not at all.
  [[nodiscard]] __device__ bool is_at_once(std::int64_t place) const { return s_.fours && place < s_.size; }

  [[nodiscard]] __device__ four numbers(const float* from, std::int64_t place) const {
    return is_at_once(place) ? four_at(from, first_ + place)
                             : four_of([&](int k) { return place + k < s_.size ? from[first_ + place + k] : 0; });
  }

  [[nodiscard]] __device__ four gradients(std::int64_t place) const {
    return is_at_once(place) ? gradients_at(s_.gradient, s_.type, first_ + place) : four_of([&](int k) {
      return place + k < s_.size ? gradient_at(s_.gradient, s_.type, first_ + place + k) : 0;
    });
  }

  __device__ void store(float* to, std::int64_t place, const four& numbers) const {
    if (is_at_once(place)) {
      *reinterpret_cast<four*>(to + first_ + place) = numbers;
      return;
    }
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      if (place + k < s_.size) {
        to[first_ + place + k] = numbers.each[k];
      }
    }
  }

  [[nodiscard]] __device__ float lower(std::int64_t place) const { return number_of(s_.lower, channel(place)); }
  [[nodiscard]] __device__ float upper(std::int64_t place) const { return number_of(s_.upper, channel(place)); }

  [[nodiscard]] __device__ std::int64_t channel(std::int64_t place) const {
    return !has_channels_ ? 0 : (place < s_.size ? place : s_.size - 1) / s_.per_channel;
  }

  const device_step& s_;
  std::int64_t first_;
  float length_;
  float radius_;
  bool has_channels_;
};

/// What a team does. `ball` says what a step is: see norm/detail/ball_steps.hpp.
template <class Ball, class Team, class Held>
__device__ void step_sample(const device_step& s, const Ball& ball, team_elements<Team, Held> elements) {
  using pairs = typename team_elements<Team, Held>::pairs;
  const sample_view sample{s, Team::sample()};
  const auto along = [&](std::int64_t place, const four& g) {
    const four way = Ball::free_only ? sample.free_part(place, g) : g;
    return pairs{way, four_of([](int) { return __int_as_float(0x7f800000); })};
  };
  if (s.gathered == nullptr) {
    elements.fill([&](std::int64_t place, const four&) { return along(place, sample.gradient(place)); });
  } else {
    elements.fill([&](std::int64_t place, const four&) { return pairs{sample.gradient(place), {}}; });
    redoubt::detail::make_unit_l1(elements);
    elements.fill([&](std::int64_t place, const four& g) { return along(place, sample.gather(place, g)); });
  }
  const float times = sample.length() * ball.direction(elements);
  elements.fill([&](std::int64_t place, const four& step) {
    const four d = sample.moved(place, step, times);
    return pairs{d, sample.room(place, d)};
  });
  ball.project(elements, sample.radius());
  elements.read([&](std::int64_t place, const four& d) { sample.write(place, d); });
}

/// A team a sample, whose elements are `Held`: see teams.cuh and held.cuh.
template <class Ball, class Team, class Held>
__global__ void __launch_bounds__(Team::threads, (Held::resident + Team::threads - 1) / Team::threads)
    step_by_sample(device_step s, Ball ball) {
  if (Team::sample() < s.samples) {
    step_sample(s, ball, team_elements<Team, Held>{Team{}, Held{s}});
  }
}

}  // namespace redoubt::cuda::detail

#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <redoubt/core/box.hpp>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/norm/detail/lanes.hpp>
#include <redoubt/norm/detail/serial.hpp>
#include <redoubt/norm/detail/step_layout.hpp>
#include <redoubt/norm/detail/widest.hpp>
#include <vector>

namespace redoubt::detail {

/// One sample's step on the host.
template <class T>
class sample_step {
 public:
  /// `bounds.x` is the sample; `scratch` is resized as needed, hand it on from sample to sample.
  sample_step(T* to, const T* from, const T* gradient, std::int64_t size, const sample_box<T>& bounds,
              std::vector<T>& step, std::vector<T>& room)
      : to_{to}, from_{from}, gradient_{gradient}, size_{size}, bounds_{bounds}, room_{room} {
    step.resize(static_cast<std::size_t>(size));
    step_ = step.data();
  }

  template <class Step>
  void take(T length, double radius, const Step& ball) {
    each_channel([&](std::int64_t begin, std::int64_t end, [[maybe_unused]] T lower, [[maybe_unused]] T upper) {
      each(begin, end, [&](std::int64_t i, std::int64_t some) {
        const element g = finite_or_zero<T>(element::load(gradient_ + i, some));
        if constexpr (Step::free_only) {
          const element from = element::load(from_ + i, some);
          const element up = if_less(from, upper, larger(g, T{0}), T{0});
          const element down = if_less(lower, from, smaller(g, T{0}), T{0});
          (up + down).store(step_ + i, some);
        } else {
          g.store(step_ + i, some);
        }
      });
    });
    serial<T> elements{step_, size_, room_};
    const T times = length * ball.direction(elements);
    each_channel([&](std::int64_t begin, std::int64_t end, T lower, T upper) {
      each(begin, end, [&](std::int64_t i, std::int64_t some) {
        const element moved = element::load(step_ + i, some) * times + element::load(from_ + i, some);
        const element x = element::load(bounds_.x + i, some);
        elements.set(i, some, moved - x, x, lower, upper);
      });
    });
    ball.project(elements, radius);
    each_channel([&](std::int64_t begin, std::int64_t end, T lower, T upper) {
      each(begin, end, [&](std::int64_t i, std::int64_t some) {
        const element point = element::load(bounds_.x + i, some) + element::load(step_ + i, some);
        smaller(larger(point, lower), upper).store(to_ + i, some);
      });
    });
  }

 private:
  using element = lanes<T>;

  template <class Work>
  [[gnu::always_inline]] void each(std::int64_t begin, std::int64_t end, const Work& work) const {
    for (std::int64_t i = begin; i < end; i += element::count) {
      work(i, end - i);
    }
  }

  template <class Work>
  [[gnu::always_inline]] void each_channel(const Work& work) const {
    for (std::int64_t begin = 0, channel = 0; begin < size_; begin += bounds_.per_channel, ++channel) {
      work(begin, begin + bounds_.per_channel, bounds_.lower[channel], bounds_.upper[channel]);
    }
  }

  T* to_;
  const T* from_;
  const T* gradient_;
  std::int64_t size_;
  const sample_box<T>& bounds_;
  std::vector<T>& room_;
  T* step_;
};

template <class T, class Step>
void step_by_sample_of(const step_tensors& all, const step_request& asked, const Step& ball) {
  const std::int64_t width = all.x.numel() / all.x.size(0);
  std::vector<T> lower = numbers_of<T>(asked.bounds.lower, all.x);
  std::vector<T> upper = numbers_of<T>(asked.bounds.upper, all.x);
  const std::size_t channels = std::max(lower.size(), upper.size());
  lower.resize(channels, lower.front());  // from one number to as many
  upper.resize(channels, upper.front());
  const std::vector<double> radii = numbers_of<double>(asked.radius, all.x);
  const std::vector<T> lengths = numbers_of<T>(asked.length, all.x);
  const auto of = [](const auto& each, std::int64_t i) {
    return each[each.size() == 1 ? 0 : static_cast<std::size_t>(i)];
  };
  T* const to = all.point.mutable_data_ptr<T>();
  const T* const from = detail::elements_of<T>(all.from);
  const T* const gradient = detail::elements_of<T>(all.gradient);
  const T* const x = detail::elements_of<T>(all.x);
  constexpr std::int64_t worth_a_thread = 8192;
  at::parallel_for(0, all.x.size(0), std::max<std::int64_t>(1, worth_a_thread / width),
                   [&](std::int64_t begin, std::int64_t end) {
                     std::vector<T> step;
                     std::vector<T> room;
                     for (std::int64_t i = begin; i < end; ++i) {
                       const std::int64_t at = i * width;
                       const sample_box<T> own{.x = x + at,
                                               .lower = lower.data(),
                                               .upper = upper.data(),
                                               .per_channel = width / static_cast<std::int64_t>(channels)};
                       sample_step<T> one{to + at, from + at, gradient + at, width, own, step, room};
                       with_widest_registers([&] { one.take(of(lengths, i), of(radii, i), ball); });
                     }
                   });
}

/// What `step_` of a ball does on the host whose steps depend on the whole of a sample: see linf's, and `ball` in
/// ball_steps.hpp.
template <class Step>
[[nodiscard]] bool step_by_sample(const step_request& asked, const Step& ball) {
  const at::ScalarType type = asked.x.scalar_type();
  if (!asked.x.is_cpu() || (type != at::kFloat && type != at::kDouble) || asked.gradient.scalar_type() != type) {
    return false;
  }
  const step_tensors all = step_tensors::of(asked, {.by_sample = true, .in_order = Step::in_order});
  if (!all.defined()) {
    return false;
  }
  if (type == at::kDouble) {
    step_by_sample_of<double>(all, asked, ball);
  } else {
    step_by_sample_of<float>(all, asked, ball);
  }
  all.hand_over(asked);
  return true;
}

}  // namespace redoubt::detail

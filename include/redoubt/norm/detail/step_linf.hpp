#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <redoubt/core/box.hpp>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/norm/detail/lanes.hpp>
#include <redoubt/norm/detail/linf_step.hpp>
#include <redoubt/norm/detail/step_layout.hpp>
#include <redoubt/norm/detail/widest.hpp>
#include <vector>

namespace redoubt::detail {

template <class T>
void step_linf_of(const step_tensors& all, const step_request& asked) {
  const std::vector<T> radii = numbers_of<T>(asked.radius, all.x);
  const std::vector<T> lengths = numbers_of<T>(asked.length, all.x);
  const std::vector<T> lower = numbers_of<T>(asked.bounds.lower, all.x);
  const std::vector<T> upper = numbers_of<T>(asked.bounds.upper, all.x);
  // Runs of elements for which the numbers are the same: all of them, a sample or a channel of one.
  const std::int64_t samples = std::max(std::ssize(radii), std::ssize(lengths));
  const std::int64_t channels = std::max<std::int64_t>(1, std::max(std::ssize(lower), std::ssize(upper)));
  const std::int64_t runs = channels == 1 ? samples : all.x.size(0) * channels;
  const std::int64_t run = all.x.numel() / runs;
  const auto of_sample = [&](const std::vector<T>& each, std::int64_t i) {
    return each[each.size() == 1 ? 0 : static_cast<std::size_t>(i / channels)];
  };
  const auto of_channel = [&](const std::vector<T>& each, std::int64_t i) {
    return each[each.size() == 1 ? 0 : static_cast<std::size_t>(i % channels)];
  };
  T* const to = all.point.mutable_data_ptr<T>();
  const T* const from = detail::elements_of<T>(all.from);
  const T* const gradient = detail::elements_of<T>(all.gradient);
  const T* const x = detail::elements_of<T>(all.x);
  constexpr std::int64_t worth_a_thread = 32768;
  at::parallel_for(0, all.x.numel(), worth_a_thread, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end;) {
      const std::int64_t i = first / run;
      const std::int64_t last = std::min(end, (i + 1) * run);
      const linf_step<T> step{.length = of_sample(lengths, i),
                              .radius = of_sample(radii, i),
                              .lower = of_channel(lower, i),
                              .upper = of_channel(upper, i)};
      with_widest_registers([=] {
        using element = lanes<T>;
        const linf_step<element> all_at_once{step.length, step.radius, step.lower, step.upper};
        std::int64_t k = first;
        for (; k + element::count <= last; k += element::count) {
          all_at_once(element::load(from + k), element::load(gradient + k), element::load(x + k)).store(to + k);
        }
        for (; k < last; ++k) {
          to[k] = step(from[k], gradient[k], x[k]);
        }
      });
      first = last;
    }
  });
}

/// What linf's `step_` does on the host.
[[nodiscard]] inline bool step_linf(const step_request& asked) {
  const at::ScalarType type = asked.x.scalar_type();
  if (!asked.x.is_cpu() || (type != at::kFloat && type != at::kDouble) || asked.gradient.scalar_type() != type) {
    return false;
  }
  const step_tensors all = step_tensors::of(asked, {});
  if (!all.defined()) {
    return false;
  }
  if (type == at::kDouble) {
    step_linf_of<double>(all, asked);
  } else {
    step_linf_of<float>(all, asked);
  }
  all.hand_over(asked);
  return true;
}

}  // namespace redoubt::detail

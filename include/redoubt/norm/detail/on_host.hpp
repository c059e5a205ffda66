#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <redoubt/core/box.hpp>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/norm/detail/serial.hpp>
#include <redoubt/norm/detail/widest.hpp>
#include <vector>

namespace redoubt::detail {

/// Whether `for_each_sample` can work on d in place of operations on whole tensors.
[[nodiscard]] inline bool is_on_host(const at::Tensor& d) {
  return d.device().is_cpu() && (d.scalar_type() == at::kFloat || d.scalar_type() == at::kDouble);
}

template <class T, class Project>
void for_each_sample_of(at::Tensor& d, const at::Tensor& x, const at::Tensor& lower, const at::Tensor& upper,
                        const at::Tensor& radii, const Project& project) {
  const std::int64_t width = d.numel() / d.size(0);
  sample_box<T> first;
  if (x.defined()) {
    first = {.x = detail::elements_of<T>(x),
             .lower = detail::elements_of<T>(lower),
             .upper = detail::elements_of<T>(upper),
             .per_channel = width / lower.numel()};
  }
  T* const elements = d.mutable_data_ptr<T>();
  const auto* const radius = detail::elements_of<double>(radii);
  constexpr std::int64_t worth_a_thread = 32768;
  at::parallel_for(0, d.size(0), std::max<std::int64_t>(1, worth_a_thread / width),
                   [&](std::int64_t begin, std::int64_t end) {
                     std::vector<T> scratch;
                     for (std::int64_t i = begin; i < end; ++i) {
                       sample_box<T> own = first;
                       own.x = first.x == nullptr ? nullptr : first.x + i * width;
                       with_widest_registers([&] {
                         serial<T> sample{elements + i * width, width, own, scratch};
                         project(sample, radius[i]);
                       });
                     }
                   });
}

/// Calls `project(elements, radius)` for every sample of d [N, ...], on the host's threads; d changes in place.
///
/// `elements` is a `serial`. d is float32 or float64 in memory of the host, in any layout: elements are taken in the
/// order of their indices. The box is that of `bounds` around x (like d) where x is defined, else there is none.
template <class Project>
at::Tensor& for_each_sample(at::Tensor& d, const at::Tensor& x, const box& bounds, const extent& radius,
                            const Project& project) {
  if (d.numel() == 0) {
    return d;
  }
  at::Tensor ordered = d.contiguous();
  const at::Tensor radii = radius.broadcast_over(d).to(at::kCPU, at::kDouble).contiguous();
  at::Tensor clean;
  at::Tensor lower;
  at::Tensor upper;
  if (x.defined()) {
    require(x.sizes() == d.sizes(), "project_into_: the perturbation is ", d.sizes(), ", the sample ", x.sizes());
    clean = x.to(d.options()).contiguous();
    lower = bounds.lower.broadcast_over(ordered).flatten();
    upper = bounds.upper.broadcast_over(ordered).flatten();
    const std::int64_t channels = std::max(lower.numel(), upper.numel());
    lower = lower.expand({channels}).contiguous();
    upper = upper.expand({channels}).contiguous();
  }
  if (d.scalar_type() == at::kDouble) {
    for_each_sample_of<double>(ordered, clean, lower, upper, radii, project);
  } else {
    for_each_sample_of<float>(ordered, clean, lower, upper, radii, project);
  }
  return ordered.is_same(d) ? d : d.copy_(ordered);
}

}  // namespace redoubt::detail

#pragma once

#include <ATen/core/Tensor.h>

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <redoubt/core/box.hpp>
#include <redoubt/core/extent.hpp>
#include <vector>

namespace redoubt::detail {

/// What a step in one pass reads and writes: tensors that lie in memory alike, so that it need not know how.
struct step_tensors {
  at::Tensor point;     ///< [N, ...] written: the point's own memory where nobody else has it, else new
  at::Tensor from;      ///< where the point was
  at::Tensor gradient;  ///< its copy where it lies otherwise
  at::Tensor x;

  /// Undefined tensors where the step must be taken by operations on whole tensors: where types or devices differ, or
  /// where samples (or, for a box by channel, channels) do not lie one after the other.
  [[nodiscard]] static step_tensors of(const at::Tensor& point, const at::Tensor& gradient, const at::Tensor& x,
                                       bool by_sample, bool by_channel) {
    const auto alike = [&](const at::Tensor& t) {
      return t.scalar_type() == x.scalar_type() && t.device() == x.device() && t.sizes() == x.sizes();
    };
    if (x.numel() == 0 || !alike(point) || !alike(gradient) || !x.is_non_overlapping_and_dense() ||
        point.strides() != x.strides()) {
      return {};
    }
    const std::int64_t width = x.numel() / x.size(0);
    if ((by_sample && x.size(0) > 1 && x.stride(0) != width) || (by_channel && !x.is_contiguous())) {
      return {};
    }
    const bool own = point.use_count() == 1 && point.storage().use_count() == 1 && !point.requires_grad();
    step_tensors all{own ? point : x.new_empty_strided(x.sizes(), x.strides()), point, gradient, x};
    if (gradient.strides() != x.strides()) {
      all.gradient = x.new_empty_strided(x.sizes(), x.strides()).copy_(gradient);
    }
    return all;
  }

  [[nodiscard]] bool defined() const { return point.defined(); }
};

/// The numbers of an extent in T's precision: one, or one for each sample of `like`.
template <class T>
[[nodiscard]] std::vector<T> numbers_of(const extent& length, const at::Tensor& like) {
  if (!length.is_per_sample()) {
    return {static_cast<T>(length.number())};
  }
  const at::Tensor each =
      length.broadcast_over(like).flatten().to(at::kCPU, c10::CppTypeToScalarType<T>::value).contiguous();
  const T* const first = each.const_data_ptr<T>();
  return {first, first + each.numel()};
}

/// The same of a bound: one number, or one for each channel of `like`.
template <class T>
[[nodiscard]] std::vector<T> numbers_of(const bound& end, const at::Tensor& like) {
  if (!end.is_per_channel()) {
    return {static_cast<T>(end.number())};
  }
  const at::Tensor each =
      end.broadcast_over(like).flatten().to(at::kCPU, c10::CppTypeToScalarType<T>::value).contiguous();
  const T* const first = each.const_data_ptr<T>();
  return {first, first + each.numel()};
}

}  // namespace redoubt::detail

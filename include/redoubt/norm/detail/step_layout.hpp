#pragma once

#include <ATen/core/Tensor.h>

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <redoubt/core/box.hpp>
#include <redoubt/core/detail/elements.hpp>
#include <redoubt/core/extent.hpp>
#include <vector>

namespace redoubt::detail {

/// Momentum that a step is to take in first: decay * gathered + gradient / ||gradient||_1, per sample.
struct gathering {
  at::Tensor* gathered = nullptr;  ///< where it is kept; undefined for zero
  double decay = 1;
};

/// What a ball's `step_` was asked for, see linf's.
struct step_request {
  at::Tensor& point;
  const at::Tensor& gradient;
  const at::Tensor& x;
  const extent& radius;
  const extent& length;
  const box& bounds;
  gathering along = {};
};

/// What a step needs of the memory of its tensors.
struct layout_needs {
  bool by_sample = false;  ///< samples lie one after the other
  bool in_order = false;   ///< a sample's elements lie in the order of their indices
};

/// What a step in one pass reads and writes: tensors that lie in memory alike, so that it need not know how.
struct step_tensors {
  at::Tensor point;     ///< [N, ...] written: the point's own memory where nobody else has it, else new
  at::Tensor from;      ///< where the point was
  at::Tensor gradient;  ///< of any type
  at::Tensor x;

  /// Undefined tensors where the step must be taken by operations on whole tensors: where the point's type or devices
  /// differ from x's. What does not lie as is needed is copied; numbers per sample or channel have needs of their own.
  [[nodiscard]] static step_tensors of(const step_request& asked, layout_needs needs) {
    const at::Tensor& point = asked.point;
    const at::Tensor& gradient = asked.gradient;
    const at::Tensor& x = asked.x;
    const auto alike = [&](const at::Tensor& t) { return t.device() == x.device() && t.sizes() == x.sizes(); };
    if (x.numel() == 0 || !alike(point) || !alike(gradient) || point.scalar_type() != x.scalar_type()) {
      return {};
    }
    needs.by_sample |= asked.radius.is_per_sample() || asked.length.is_per_sample();
    needs.in_order |= asked.bounds.lower.is_per_channel() || asked.bounds.upper.is_per_channel();
    const std::int64_t width = x.numel() / x.size(0);
    const bool by_sample = x.size(0) == 1 || x.stride(0) == width;
    if (!x.is_non_overlapping_and_dense() || point.strides() != x.strides() || (needs.by_sample && !by_sample) ||
        (needs.in_order && !x.is_contiguous())) {
      const at::Tensor plain = x.contiguous();
      return {plain.new_empty(plain.sizes()), point.contiguous(), gradient.contiguous(), plain};
    }
    const bool own = point.use_count() == 1 && point.storage().use_count() == 1 && !point.requires_grad();
    step_tensors all{own ? point : x.new_empty_strided(x.sizes(), x.strides()), point, gradient, x};
    if (gradient.strides() != x.strides()) {
      all.gradient = gradient.new_empty_strided(x.sizes(), x.strides()).copy_(gradient);
    }
    return all;
  }

  [[nodiscard]] bool defined() const { return point.defined(); }

  /// Gives the point back, lying as x does.
  void hand_over(const step_request& asked) const {
    const at::Tensor& like = asked.x;
    const bool lies = !like.is_non_overlapping_and_dense() || point.strides() == like.strides();
    asked.point = lies ? point : point.new_empty_strided(like.sizes(), like.strides()).copy_(point);
  }
};

[[nodiscard]] inline bool is_one_number(const extent& length) {
  return !length.is_per_sample();
}
[[nodiscard]] inline bool is_one_number(const bound& end) {
  return !end.is_per_channel();
}

/// The numbers of an extent or a bound in T's precision: one, or one for each sample or channel of `like`.
template <class T, class Numbers>
[[nodiscard]] std::vector<T> numbers_of(const Numbers& numbers, const at::Tensor& like) {
  if (is_one_number(numbers)) {
    return {static_cast<T>(numbers.number())};
  }
  return vector_of<T>(numbers.broadcast_over(like));
}

}  // namespace redoubt::detail

#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt {

/// Maps points [N, ...] to what the model is given for a gradient, [N, ...] of the model's shape.
template <class T>
concept a_transform = requires(const T& transform, const at::Tensor& point, const at::Tensor& rows, const draw& where) {
  { transform(point, rows, where) } -> std::convertible_to<at::Tensor>;
};

/// What is said of a callable that is no input transform.
struct transform_form {
  /// Does not compile, and names the concept, where `Callable` does not fit.
  template <class Callable, class /*Signature*/>
  static constexpr void check() {
    static_assert(a_transform<Callable>,
                  "the input transform does not fit redoubt::a_transform: it must be callable, when const, as "
                  "(const at::Tensor& point, const at::Tensor& rows, const redoubt::draw& where) -> at::Tensor");
  }
};

/// What an attack does to a point before the model sees it: (point [N, ...], rows int64 [N], where) -> model input.
///
/// Made from `diverse_input`, `translation_invariant`, `scale_invariant`, `composed` or a callable; a lambda will do.
/// Differentiable in `point`; the gradient goes through it. Whether the model is fooled is judged without it. Draws
/// keyed by `rows` and `where` keep a sample's outcome independent of its batch; `where.step` counts the gradients of a
/// restart, those that are averaged included. A transform that keeps something per sample offers `at(rows)`. The attack
/// throws std::invalid_argument for one that gives another number of samples.
using input_transform =
    row_function<at::Tensor(const at::Tensor& point, const at::Tensor& rows, const draw& where), transform_form>;

}  // namespace redoubt

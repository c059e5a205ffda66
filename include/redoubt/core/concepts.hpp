#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>

namespace redoubt {

/// Maps a batch of inputs [N, ...] to logits [N, C].
template <class M>
concept a_classifier = requires(M&& model, const at::Tensor& x) {
  { model(x) } -> std::convertible_to<at::Tensor>;
};

/// Maps logits [N, C] and labels [N] to one loss per sample [N].
template <class L>
concept a_loss = requires(const L& loss, const at::Tensor& logits, const at::Tensor& y) {
  { loss(logits, y) } -> std::convertible_to<at::Tensor>;
};

/// A set of admissible perturbations around the origin, applied per sample: how far, which step, which start.
template <class B>
concept a_ball = std::copyable<B> && requires(const B& ball, at::Tensor& d, const at::Tensor& t, const draw& where) {
  { ball.radius } -> std::convertible_to<extent>;
  { ball.length(t) } -> std::convertible_to<at::Tensor>;
  { ball.project_(d) } -> std::convertible_to<at::Tensor>;
  { ball.steepest(t) } -> std::convertible_to<at::Tensor>;
  { ball.sample(t, t, where) } -> std::convertible_to<at::Tensor>;
};

/// A part with state for each sample: `at(rows)` is the part for those samples.
template <class P>
concept has_rows = requires(const P& part, const at::Tensor& rows) {
  { part.at(rows) } -> std::convertible_to<P>;
};

/// `part` for the samples `rows`: its own `at`, or the part itself where it keeps nothing per sample.
template <class Part>
[[nodiscard]] Part at_rows(const Part& part, const at::Tensor& rows) {
  if constexpr (has_rows<Part>) {
    return part.at(rows);
  } else {
    return part;
  }
}

}  // namespace redoubt

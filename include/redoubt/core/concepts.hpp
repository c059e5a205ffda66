#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <redoubt/core/box.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>

namespace redoubt {

/// Maps a batch of inputs [N, ...] to logits [N, C], floating point, C >= 2; differentiable in the inputs for attacks
/// by gradient.
template <class M>
concept a_classifier = requires(M&& model, const at::Tensor& x) {
  { model(x) } -> std::convertible_to<at::Tensor>;
};

/// Maps logits [N, C] and labels int64 [N] to one loss per sample [N]: higher is worse for the model.
template <class L>
concept a_loss = requires(const L& loss, const at::Tensor& logits, const at::Tensor& y) {
  { loss(logits, y) } -> std::convertible_to<at::Tensor>;
};

/// What bounds a ball: its `radius`, or its `count` where it bounds how many elements change.
template <class B>
concept has_radius = requires(const B& ball) {
  { ball.radius } -> std::convertible_to<extent>;
}
|| requires(const B& ball) {
  { ball.count } -> std::convertible_to<extent>;
};

/// A set of admissible perturbations around the origin, applied per sample: how far, which step, which start.
///
/// Of d, g and `like` [N, ...]: `length(d)` is [N], in the ball's norm; `project_(d)` moves d into the ball, in place;
/// `steepest(g)`, like g, is the step of length 1 that increases <g, step> most, or serves for it, zero where g is zero
/// or NaN, and leaves g as it was; `sample(like, rows, where)` is a draw from the ball for each sample, float32, that
/// depends on its row and `where` alone. What a ball keeps per sample, a radius say, follows `at(rows)`. Whether the
/// radius is finite and >= 0 attacks ask, not balls.
template <class B>
concept a_ball = std::copyable<B> && has_radius<B> &&
    requires(const B& ball, at::Tensor& d, const at::Tensor& t, const draw& where) {
  { ball.length(t) } -> std::convertible_to<at::Tensor>;
  { ball.project_(d) } -> std::convertible_to<at::Tensor>;
  { ball.steepest(t) } -> std::convertible_to<at::Tensor>;
  { ball.sample(t, t, where) } -> std::convertible_to<at::Tensor>;
};

/// A ball that knows the nearest point of ball AND box: `project_into_(d, x, box)` moves d there, in place.
///
/// d is a perturbation of x [N, ...], x itself in the box. Where projecting onto one and then the other is exact
/// (linf), or near enough, a ball does without.
template <class B>
concept projects_into_box = requires(const B& ball, at::Tensor& d, const at::Tensor& x, const box& bounds) {
  { ball.project_into_(d, x, bounds) } -> std::convertible_to<at::Tensor>;
};

/// A ball that takes a whole step in one pass: `step_(point, g, x, length, box, progress)`, see linf's.
///
/// One of its own: what an heir inherits would pass over what the heir replaces.
template <class B>
concept steps_at_once =
    std::same_as<decltype(&B::step_), bool (B::*)(at::Tensor& point, const at::Tensor& g, const at::Tensor& x,
                                                  const extent& length, const box& bounds, double progress) const>;

/// A ball that takes such a step along momentum, and takes the gradient into it, in the same pass:
/// `step_gathering_(point, gathered, decay, g, x, length, box, progress) -> bool`, see linf's.
template <class B>
concept gathers_at_once =
    std::same_as<decltype(&B::step_gathering_),
                 bool (B::*)(at::Tensor& point, at::Tensor& gathered, double decay, const at::Tensor& g,
                             const at::Tensor& x, const extent& length, const box& bounds, double progress) const>;

/// The ball's radius (or count).
template <has_radius Ball>
[[nodiscard]] extent radius_of(const Ball& ball) {
  if constexpr (requires { ball.radius; }) {
    return ball.radius;
  } else {
    return ball.count;
  }
}

/// The same ball with another radius (or count).
template <has_radius Ball>
[[nodiscard]] Ball with_radius(Ball ball, const extent& radius) {
  if constexpr (requires { ball.radius; }) {
    ball.radius = radius;
  } else {
    ball.count = radius;
  }
  return ball;
}

/// The point x + d with the perturbation d of x [N, ...] moved into the ball and the point into the box.
///
/// d's memory becomes the point's where it is laid out as x: no more is allocated.
/// The nearest such point where the ball knows it (`projects_into_box`), else the ball's projection clamped to the box,
/// which leaves no ball that is closed under shrinking elements.
template <a_ball Ball>
[[nodiscard]] at::Tensor constrained_point(const Ball& ball, at::Tensor d, const at::Tensor& x, const box& bounds) {
  if constexpr (projects_into_box<Ball>) {
    ball.project_into_(d, x, bounds);
  } else {
    ball.project_(d);
  }
  d = d.scalar_type() == x.scalar_type() && d.strides() == x.strides() ? d.add_(x) : x.add(d);
  return bounds.clamp_(d);
}

}  // namespace redoubt

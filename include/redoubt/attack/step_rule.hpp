#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <redoubt/core/box.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/extent.hpp>

namespace redoubt {

/// What a step rule and a stopping rule are shown after a gradient has been taken. Points are float32, or float64 where
/// the caller's were, on the caller's device.
struct step_view {
  at::Tensor x = {};         ///< [N, ...] the clean samples
  at::Tensor point = {};     ///< [N, ...] where the climb stands, inside ball and box
  at::Tensor gradient = {};  ///< [N, ...] of the climbed loss, at `point` or where the rule wanted to look
  at::Tensor loss = {};      ///< [N] the climbed loss there
  at::Tensor fooled = {};    ///< bool [N]: the model is fooled there
  extent length = 0;         ///< the length of a step that the options ask for
  redoubt::box box = {};     ///< every point of the climb lies inside
  int step = 0;              ///< 0 for a restart's first gradient
  int steps = 0;             ///< how many gradients a restart takes
};

/// How an attack moves: `next` maps what a gradient showed to the next perturbation d = x' - x [N, ...].
///
/// The attack moves d into ball and box by itself, and `pgd` throws std::invalid_argument for one of another shape.
/// Each restart begins with a copy of the rule, so that a rule may keep what it needs (momentum, step sizes); what it
/// keeps per sample follows `at(rows)` when samples are dropped.
/// A rule that wants the gradient elsewhere than at the point offers `look(ball, x, point) -> perturbation`, too; one
/// that can move `now.point` a whole step at once, ball and box included, offers `move_(ball, now) -> bool`, which says
/// whether it did.
template <class R, class Ball>
concept a_step_rule = std::copyable<R> && requires(R& rule, const Ball& ball, const step_view& now) {
  { rule.next(ball, now) } -> std::convertible_to<at::Tensor>;
};

/// How much of a run is done, in [0, 1]; half where there is one step only.
[[nodiscard]] inline double progress_of(const step_view& now) {
  return now.steps > 1 ? static_cast<double>(now.step) / (now.steps - 1) : 0.5;
}

/// The ball's step of length 1 along `gradient` [N, ...], from where the run stands.
///
/// Its `steepest`. A ball whose step also depends on where the run stands says so by
/// `steepest_from(gradient, point, box, progress)`, progress in [0, 1].
template <a_ball Ball>
[[nodiscard]] at::Tensor steepest_step(const Ball& ball, const at::Tensor& gradient, const step_view& now) {
  if constexpr (requires { ball.steepest_from(gradient, now.point, now.box, 0.5); }) {
    return ball.steepest_from(gradient, now.point, now.box, progress_of(now));
  } else {
    return ball.steepest(gradient);
  }
}

/// Steps of one length along the ball's steepest direction: point + length * steepest(gradient) - x.
///
/// In one pass where the ball can (`steps_at_once`).
/// Source: Madry et al. 2018 (arXiv:1706.06083), section 2.1.
struct constant_step {
  /// The next perturbation [N, ...], before ball and box.
  template <a_ball Ball>
  [[nodiscard]] at::Tensor next(const Ball& ball, const step_view& now) const {
    at::Tensor step = steepest_step(ball, now.gradient, now);
    return now.length.scale_(step).add_(now.point).sub_(now.x);
  }

  /// Moves `now.point` a whole step where the ball can at once; whether it did.
  template <a_ball Ball>
  [[nodiscard]] bool move_(const Ball& ball, step_view& now) const {
    if constexpr (steps_at_once<Ball>) {
      return ball.step_(now.point, now.gradient, now.x, now.length, now.box, progress_of(now));
    } else {
      return false;
    }
  }
};

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <redoubt/core/box.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/extent.hpp>

namespace redoubt {

/// What a step rule and a stopping rule are shown after a gradient has been taken.
struct step_view {
  at::Tensor x = {};         ///< [N, ...] the clean samples
  at::Tensor point = {};     ///< [N, ...] where the climb stands, inside ball and box
  at::Tensor gradient = {};  ///< [N, ...] of the climbed loss, at `point` or where the rule wanted to look
  at::Tensor loss = {};      ///< [N] the climbed loss there
  at::Tensor fooled = {};    ///< bool [N]: the model is fooled there
  extent length = 0;         ///< the length of a step that the options ask for
  redoubt::box box = {};
  int step = 0;   ///< 0 for a restart's first gradient
  int steps = 0;  ///< how many gradients a restart takes
};

/// How an attack moves: `next` maps what a gradient showed to the next perturbation d = x' - x [N, ...].
///
/// The attack moves d into ball and box by itself. Each restart begins with a copy of the rule, so that a rule may keep
/// what it needs (momentum, step sizes); what it keeps per sample follows `at(rows)` when samples are dropped.
/// A rule that wants the gradient elsewhere than at the point offers `look(ball, x, point) -> perturbation`, too.
template <class R, class Ball>
concept a_step_rule = std::copyable<R> && requires(R& rule, const Ball& ball, const step_view& now) {
  { rule.next(ball, now) } -> std::convertible_to<at::Tensor>;
};

/// The ball's step of length 1 along `gradient` [N, ...], from where the run stands.
///
/// Its `steepest`. A ball whose step also depends on where the run stands says so by
/// `steepest_from(gradient, point, box, progress)`, progress in [0, 1].
template <a_ball Ball>
[[nodiscard]] at::Tensor steepest_step(const Ball& ball, const at::Tensor& gradient, const step_view& now) {
  const double progress = now.steps > 1 ? static_cast<double>(now.step) / (now.steps - 1) : 0.5;
  if constexpr (requires { ball.steepest_from(gradient, now.point, now.box, progress); }) {
    return ball.steepest_from(gradient, now.point, now.box, progress);
  } else {
    return ball.steepest(gradient);
  }
}

/// Steps of one length along the ball's steepest direction: d + length * steepest(gradient).
///
/// Source: Madry et al. 2018 (arXiv:1706.06083), section 2.1.
struct constant_step {
  template <a_ball Ball>
  [[nodiscard]] at::Tensor next(const Ball& ball, const step_view& now) const {
    at::Tensor step = steepest_step(ball, now.gradient, now);
    return now.point.sub(now.x).add_(now.length.scale_(step));
  }
};

}  // namespace redoubt

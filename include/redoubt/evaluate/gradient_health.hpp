#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <redoubt/attack/any_attack.hpp>
#include <redoubt/core/box.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/evaluate/health_report.hpp>
#include <redoubt/model/classifier.hpp>

namespace redoubt {

/// Tuning of `gradient_health`. Every field has a default; set the ones you need by name.
struct health_options {
  redoubt::box box = {};       ///< that of the attacks
  std::int64_t samples = 256;  ///< probes no more than so many, the first that the model gets right; >= 1
  int eot = 1;                 ///< gradients averaged, for randomised models; >= 1
  std::uint64_t seed = 0;
  std::optional<any_attack> black_box = {};  ///< tried on what PGD could not fool; empty: a few queries of its own
};

/// Looks for signs that a model's gradients are masked, so that attacks by gradients flatter it.
///
/// `gradient_health{linf{0.1}}(model, x, y)` -> `health_report`, also as `evaluation_options.probe`.
template <class Ball>
struct gradient_health {
  static_assert(a_ball<Ball>,
                "gradient_health: the first part must be a ball (linf, l2, or a type that meets "
                "redoubt::a_ball)");

  Ball ball;
  health_options options = {};

  template <class Model>
  [[nodiscard]] health_report operator()(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                         const at::Tensor& rows = {}) const {
    (void)model, (void)x, (void)y, (void)rows;
    return {};
  }
};

template <class Ball>
gradient_health(Ball) -> gradient_health<Ball>;
template <class Ball>
gradient_health(Ball, health_options) -> gradient_health<Ball>;

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstdint>
#include <redoubt/attack/apgd_l1_step.hpp>
#include <redoubt/attack/apgd_step.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/norm/l1.hpp>
#include <type_traits>

namespace redoubt {

/// Tuning of `apgd`. Every field has a default; set the ones you need by name.
struct apgd_options {
  int steps = 100;                       ///< gradient evaluations a restart; >= 1
  int restarts = 1;                      ///< independent runs; later ones attack only what no run has fooled yet; in
                                         ///< [1, 65535]
  loss_function loss = cross_entropy{};  ///< climbed, descended where `targeted`; `dlr{}` makes it APGD-DLR
  redoubt::box box = {};                 ///< every value of the result lies inside
  bool targeted = false;                 ///< y are the labels to reach, not to leave
  std::uint64_t seed = 0;                ///< of the random starts
  bool drop_fooled = true;               ///< stop work on a sample once it is fooled: the same outcomes, for less
  double rho = 0.75;                     ///< the share of steps that must climb, else the step halves; in [0, 1]; not
                                         ///< used over l1
  int eot = 1;                           ///< gradients averaged a step, over the draws of transform and model; >= 1
  input_transform transform = {};        ///< done to a point before the model sees it for a gradient
  bool shrink_radius = true;             ///< over l1 begin in balls of 3 and 2 radii, for 30 % of the steps each
};

/// AutoPGD: projected gradient descent that finds its own step length, with momentum, from a random start.
///
/// The step begins at two radii and halves by itself, see `apgd_step`; over l1 it is sparse, and the radius shrinks to
/// the ball's own, see `apgd_l1_step`: there is no length to choose. Call, guarantees and errors are those of `pgd`; a
/// sample that is fooled leaves the batch, unless `drop_fooled` says otherwise.
/// Source: Croce & Hein 2020 (arXiv:2003.01690), algorithm 1; l1: Croce & Hein 2021 (arXiv:2103.01208), section 4.
/// Cost: steps x (forward + input gradient) and a forward, a restart; each for what is not yet fooled.
template <class Ball>
struct apgd {
  static_assert(a_ball<Ball>,
                "apgd: the first part must be a ball (linf, l2, l1, or a type that meets redoubt::a_ball)");

  Ball ball;                  ///< the perturbations that are allowed
  apgd_options options = {};  ///< all that can be set, each with a default
  const char* name = "apgd";  ///< what errors begin with

  /// x' like x [N, ...], an adversarial example for each sample: what `run` gives, without the rest.
  template <class Model>
  [[nodiscard]] at::Tensor operator()(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                      const at::Tensor& rows = {}) const {
    return run(model, x, y, rows).adversarial;
  }

  /// The same, with what was noticed on the way.
  template <class Model>
  [[nodiscard]] attack_result run(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                  const at::Tensor& rows = {}) const {
    return as_pgd().run(model, x, y, rows);
  }

  /// The same attack, spelled as the `pgd` with another step rule that it is. Throws std::invalid_argument for a rho
  /// out of range.
  [[nodiscard]] auto as_pgd() const {
    require(options.rho >= 0 && options.rho <= 1, name, ": rho must lie in [0, 1], got ", options.rho);
    const pgd_options same{.step = radius_of(ball).times(sparse ? 1 : 2),
                           .steps = options.steps,
                           .restarts = options.restarts,
                           .loss = options.loss,
                           .box = options.box,
                           .targeted = options.targeted,
                           .seed = options.seed,
                           .drop_fooled = options.drop_fooled,
                           .transform = options.transform,
                           .eot = options.eot,
                           .shrink_radius = options.shrink_radius};
    if constexpr (sparse) {
      // From the wider balls a sample brings along how many elements it moves.
      return pgd<Ball, apgd_l1_step>{ball, same, {.first_share = options.shrink_radius ? 0 : 0.2}, name};
    } else {
      return pgd<Ball, apgd_step>{ball, same, {.rho = options.rho}, name};
    }
  }

 private:
  static constexpr bool sparse = std::same_as<Ball, l1>;
};

template <class Ball>
apgd(Ball) -> apgd<Ball>;
template <class Ball>
apgd(Ball, apgd_options) -> apgd<Ball>;

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/attack/pgd.hpp>

namespace redoubt {

/// Tuning of `fgsm`. Every field has a default; set the ones you need by name.
struct fgsm_options {
  bool random_start = false;             ///< begin at a uniform draw of the ball (Wong et al. 2020), else at x
  double step = 1;                       ///< length of the step in radii; >= 0, 1.25 with a random start
  loss_function loss = cross_entropy{};  ///< climbed; descended where `targeted`
  redoubt::box box = {};                 ///< every value of the result lies inside
  bool targeted = false;                 ///< y are the labels to reach, not to leave
  std::uint64_t seed = 0;                ///< of the random start
};

/// The fast gradient method: one step of the ball's radius along its steepest direction.
///
/// With `linf` the fast gradient sign method, x' = clamp(x + radius * sign(grad)) (Goodfellow et al. 2015,
/// arXiv:1412.6572, section 4); with `random_start` R+FGSM as in Wong et al. 2020 (arXiv:2001.03994, algorithm 3).
/// Call, guarantees and errors are those of `pgd`. Cost: one forward and one input gradient; nothing else.
template <class Ball>
struct fgsm {
  static_assert(a_ball<Ball>,
                "fgsm: the first part must be a ball (linf, l2, or a type that meets redoubt::a_ball: "
                "radius, length, project_, steepest, sample)");

  Ball ball;                  ///< the perturbations that are allowed
  fgsm_options options = {};  ///< all that can be set, each with a default

  /// x' like x [N, ...], an adversarial example for each sample: what `run` gives, without the rest.
  template <class Model>
  [[nodiscard]] at::Tensor operator()(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                      const at::Tensor& rows = {}) const {
    return as_pgd().run(model, x, y, rows).adversarial;
  }

  /// The same, with what was noticed on the way.
  template <class Model>
  [[nodiscard]] attack_result run(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                  const at::Tensor& rows = {}) const {
    return as_pgd().run(model, x, y, rows);
  }

  /// The same attack, spelled as the one-step `pgd` that it is.
  [[nodiscard]] pgd<Ball> as_pgd() const {
    return {ball,
            {.step = radius_of(ball).times(options.step),
             .steps = 1,
             .random_start = options.random_start,
             .loss = options.loss,
             .box = options.box,
             .targeted = options.targeted,
             .seed = options.seed,
             .keep = iterate::last},
            {},
            "fgsm"};
  }
};

template <class Ball>
fgsm(Ball) -> fgsm<Ball>;
template <class Ball>
fgsm(Ball, fgsm_options) -> fgsm<Ball>;

}  // namespace redoubt

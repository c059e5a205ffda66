#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <redoubt/attack/momentum.hpp>
#include <redoubt/attack/pgd.hpp>

namespace redoubt {

/// Tuning of `mi_fgsm` and `ni_fgsm`. Every field has a default; set the ones you need by name.
struct mi_fgsm_options {
  int steps = 10;                        ///< gradient evaluations, each for a step of radius / steps; >= 1
  double decay = 1;                      ///< of the gradients gathered so far; >= 0
  loss_function loss = cross_entropy{};  ///< climbed; descended where `targeted`
  redoubt::box box = {};                 ///< every value of the result lies inside
  bool targeted = false;                 ///< y are the labels to reach, not to leave
  std::uint64_t seed = 0;                ///< of the transform's draws
  iterate keep = iterate::best;          ///< which of the points visited is returned
  bool drop_fooled = false;              ///< a sample's first point that fools stands
  input_transform transform = {};        ///< done to a point before the model sees it for a gradient
  int eot = 1;                           ///< gradients averaged a step, over the draws of transform and model; >= 1

  /// The options of the `pgd` that the attack of this radius is. Throws std::invalid_argument, naming `who`, for steps
  /// or a decay out of range.
  [[nodiscard]] pgd_options for_radius(const char* who, const extent& radius) const {
    require(steps >= 1, who, ": steps must be at least 1, got ", steps);
    require(std::isfinite(decay) && decay >= 0, who, ": decay must be finite and not negative, got ", decay);
    return {.step = radius.times(1.0 / steps),
            .steps = steps,
            .random_start = false,
            .loss = loss,
            .box = box,
            .targeted = targeted,
            .seed = seed,
            .keep = keep,
            .drop_fooled = drop_fooled,
            .transform = transform,
            .eot = eot};
  }
};

/// The momentum iterative fast gradient method: `pgd` with steps of radius / steps along the gathered gradients.
///
/// Made for examples that fool other models than the one they are made on; takes input transforms to that end.
/// Call, guarantees and errors are those of `pgd`. Cost: steps x (forward + input gradient), `eot` times; with
/// `iterate::best` a forward more, with a transform a forward more a step.
/// Source: Dong et al. 2018 (arXiv:1710.06081), algorithm 1; keep `iterate::last` for the point that it returns.
template <class Ball>
struct mi_fgsm {
  static_assert(a_ball<Ball>,
                "mi_fgsm: the first part must be a ball (linf, l2, or a type that meets redoubt::a_ball: "
                "radius, length, project_, steepest, sample)");

  Ball ball;                     ///< the perturbations that are allowed
  mi_fgsm_options options = {};  ///< all that can be set, each with a default

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

  /// The same attack, spelled as the `pgd` that it is.
  [[nodiscard]] pgd<Ball, momentum> as_pgd() const {
    return {ball, options.for_radius("mi_fgsm", radius_of(ball)), {.decay = options.decay}, "mi_fgsm"};
  }
};

template <class Ball>
mi_fgsm(Ball) -> mi_fgsm<Ball>;
template <class Ball>
mi_fgsm(Ball, mi_fgsm_options) -> mi_fgsm<Ball>;

}  // namespace redoubt

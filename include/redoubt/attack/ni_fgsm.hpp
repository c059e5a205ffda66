#pragma once

#include <ATen/core/Tensor.h>

#include <redoubt/attack/mi_fgsm.hpp>
#include <redoubt/attack/momentum.hpp>
#include <redoubt/attack/pgd.hpp>

namespace redoubt {

/// Tuning of `ni_fgsm`: that of `mi_fgsm`.
using ni_fgsm_options = mi_fgsm_options;

/// The Nesterov iterative fast gradient method: `mi_fgsm` that takes each gradient ahead, where the momentum leads.
///
/// Call, guarantees, errors and cost are those of `mi_fgsm`. With `.transform = scale_invariant{}` and `.eot = 5` it is
/// SI-NI-FGSM.
/// Source: Lin et al. 2020 (arXiv:1908.06281), section 3.2 and algorithm 1.
template <class Ball>
struct ni_fgsm {
  static_assert(a_ball<Ball>,
                "ni_fgsm: the first part must be a ball (linf, l2, or a type that meets redoubt::a_ball: "
                "radius, length, project_, steepest, sample)");

  Ball ball;                     ///< the perturbations that are allowed
  ni_fgsm_options options = {};  ///< all that can be set, each with a default

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
  [[nodiscard]] pgd<Ball, nesterov> as_pgd() const {
    return {ball, options.for_radius("ni_fgsm", radius_of(ball)), {.decay = options.decay}, "ni_fgsm"};
  }
};

template <class Ball>
ni_fgsm(Ball) -> ni_fgsm<Ball>;
template <class Ball>
ni_fgsm(Ball, ni_fgsm_options) -> ni_fgsm<Ball>;

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <redoubt/attack/apgd.hpp>
#include <redoubt/attack/apgd_targeted.hpp>
#include <redoubt/attack/fab.hpp>
#include <redoubt/attack/square.hpp>
#include <redoubt/attack/worst_case.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/loss/dlr.hpp>
#include <redoubt/loss/margin.hpp>

namespace redoubt {

/// Which attacks `auto_attack` is made of.
enum class auto_attack_version {
  standard,  ///< APGD on cross entropy, targeted APGD, targeted FAB, Square: for models that answer the same each time
  randomised,  ///< APGD on cross entropy and on DLR, gradients averaged: for models that answer otherwise each time
};

/// Tuning of `auto_attack`. The defaults are the published ones, and what a robust accuracy "under AutoAttack" means.
struct auto_attack_options {
  auto_attack_version version = auto_attack_version::standard;  ///< which attacks are run
  redoubt::box box = {};                                        ///< every value of the result lies inside
  std::uint64_t seed = 0;                                       ///< of every random draw
  int steps = 100;                                              ///< of the APGDs and FAB, a run; >= 1
  int target_classes = 9;  ///< of targeted APGD and FAB: the most likely wrong classes, or all there are; in [1, 255]
  int queries = 5000;      ///< of Square, a sample; >= 1
  int eot = 20;            ///< gradients averaged a step by the randomised version; >= 1
};

/// AutoAttack: the worst case over attacks that need no tuning, each on what those before it could not fool.
///
/// Call, guarantees and errors are those of `worst_case`; `run` says in `stages` which attack fooled whom. Over linf,
/// l2 and l1, untargeted. Cost for a sample that stays robust: 1,000 forwards and input
/// gradients for the APGDs, 900 for FAB, and 5,000 forwards for Square; randomised 200 x `eot` forwards and input
/// gradients; a sample costs nothing more once it is fooled.
/// Source: Croce & Hein 2020 (arXiv:2003.01690); over l1 Croce & Hein 2021 (arXiv:2103.01208).
template <class Ball>
struct auto_attack {
  static_assert(a_ball<Ball>,
                "auto_attack: the first part must be a ball (linf, l2, l1, or a type that meets redoubt::a_ball)");

  Ball ball;                         ///< the perturbations that are allowed
  auto_attack_options options = {};  ///< all that can be set, each with a default

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
    return as_worst_case().run(model, x, y, rows);
  }

  /// The same attack, spelled as the `worst_case` that it is.
  [[nodiscard]] worst_case as_worst_case() const {
    const apgd_options ascent{.steps = options.steps, .box = options.box, .seed = options.seed};
    if (options.version == auto_attack_version::randomised) {
      apgd_options averaged = ascent;
      averaged.eot = options.eot;
      apgd_options with_dlr = averaged;
      with_dlr.loss = difference_of_logits;
      return {{{"apgd-ce", apgd{ball, averaged}}, {"apgd-dlr", apgd{ball, with_dlr}}}};
    }
    return {{{"apgd-ce", apgd{ball, ascent}},
             {"apgd-t", apgd_targeted{ball,
                                      {.steps = options.steps,
                                       .target_classes = options.target_classes,
                                       .box = options.box,
                                       .seed = options.seed}}},
             {"fab-t", fab{ball,
                           {.steps = options.steps,
                            .target_classes = options.target_classes,
                            .box = options.box,
                            .seed = options.seed}}},
             {"square", square{ball, {.queries = options.queries, .box = options.box, .seed = options.seed}}}}};
  }

 private:
  // DLR, which two classes leave undefined: the margin is what is left of it.
  static at::Tensor difference_of_logits(const at::Tensor& logits, const at::Tensor& y) {
    return logits.size(1) < 3 ? margin{}(logits, y) : dlr{}(logits, y);
  }
};

template <class Ball>
auto_attack(Ball) -> auto_attack<Ball>;
template <class Ball>
auto_attack(Ball, auto_attack_options) -> auto_attack<Ball>;

}  // namespace redoubt

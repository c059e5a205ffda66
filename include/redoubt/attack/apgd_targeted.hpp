#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <redoubt/attack/apgd.hpp>
#include <redoubt/attack/detail/gradient.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/detail/target_pairs.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/loss/dlr_targeted.hpp>
#include <redoubt/loss/loss_function.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>

namespace redoubt {

/// Tuning of `apgd_targeted`. Every field has a default; set the ones you need by name.
struct apgd_targeted_options {
  int steps = 100;         ///< gradient evaluations a target and restart; >= 1
  int target_classes = 9;  ///< how many other classes are tried, the likeliest first; in [1, 255], all where it is more
  int restarts = 1;        ///< independent runs a target; later ones attack only what is not fooled yet; in [1, 65535]
  redoubt::box box = {};   ///< every value of the result lies inside
  std::uint64_t seed = 0;  ///< of the random starts
  bool drop_fooled = true;         ///< stop work on a sample once it is fooled: the same outcomes, for less
  double rho = 0.75;               ///< the share of steps that must climb, else the step halves; in [0, 1]
  int eot = 1;                     ///< gradients averaged a step, over the draws of transform and model; >= 1
  input_transform transform = {};  ///< done to a point before the model sees it for a gradient
  std::int64_t batch = 256;        ///< pairs of sample and class to work on at once where few samples are left; >= 1
};

namespace detail {

/// How far each sample's target is above its label: what stands in for `dlr_targeted` below four classes.
struct target_margin {
  at::Tensor target;  ///< int64 [N]

  [[nodiscard]] at::Tensor operator()(const at::Tensor& logits, const at::Tensor& y) const {
    return logits.gather(1, target.unsqueeze(1)).sub(logits.gather(1, y.unsqueeze(1))).squeeze(1);
  }

  [[nodiscard]] target_margin at(const at::Tensor& rows) const { return {target.index_select(0, rows)}; }
};

}  // namespace detail

/// APGD-T: an `apgd` towards each of the classes that the model finds likeliest for the clean sample, after its label.
///
/// Each target is tried on the samples that none before it has fooled; fooled is a sample that the model gives any
/// other label than y, its target or not. The loss is `dlr_targeted`, below four classes the plain difference of the
/// two logits. A sample that is wrong as it is comes back as it is. One that is not fooled comes back as the first
/// target left it. y are the true labels; call, guarantees and errors are otherwise those of `pgd`. `rows` lie below
/// 2^40, as those of later targets draw beside them. Steps, restarts, rho and eot are checked where
/// there is something to attack.
/// Source: Croce & Hein 2020 (arXiv:2003.01690), section 4 (APGD_DLR^T).
/// Cost: a forward, and for each target an `apgd` of what is not yet fooled.
template <class Ball>
struct apgd_targeted {
  static_assert(a_ball<Ball>,
                "apgd_targeted: the first part must be a ball (linf, l2, or a type that meets redoubt::a_ball)");

  Ball ball;                           ///< the perturbations that are allowed
  apgd_targeted_options options = {};  ///< all that can be set, each with a default

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
    static_assert(a_classifier<Model>, "apgd_targeted: the model must map a batch at::Tensor to logits at::Tensor");
    const c10::InferenceMode with_graphs{false};
    const detail::attack_input input = detail::checked_input(name, x, y, rows, options.box);
    require_options(x.size(0));
    const untouched<std::remove_cvref_t<Model>> guard{model, x.device()};
    const at::ScalarType type = x.scalar_type();
    attack_result found = search([&](const at::Tensor& point) { return model(point.to(type)); }, input);
    found.adversarial = found.adversarial.to(type);
    return found;
  }

 private:
  static constexpr const char* name = "apgd_targeted";

  void require_options(std::int64_t samples) const {
    radius_of(ball).require_valid("apgd_targeted: the ball's radius", samples);
    require(options.target_classes >= 1 && options.target_classes <= detail::target_pairs::most_classes, name,
            ": target_classes must lie in [1, ", detail::target_pairs::most_classes, "], got ", options.target_classes);
    require(options.batch >= 1, name, ": batch must be at least 1, got ", options.batch);
  }

  [[nodiscard]] attack_result search(const classifier_view& model, const detail::attack_input& input) const {
    attack_result all{.adversarial = input.x.clone(),
                      .zero_gradient = input.y.new_zeros(input.y.sizes(), at::kBool),
                      .fooled = input.y.new_zeros(input.y.sizes(), at::kBool)};
    if (input.x.size(0) == 0) {
      return all;
    }
    const at::Tensor clean = clean_logits(model, input);
    detail::require_labels(name, input.y, clean.size(1));
    all.fooled = detail::is_fooled(clean, input.y, /*targeted=*/false);
    const at::Tensor others = clean.scatter(1, input.y.unsqueeze(1), -std::numeric_limits<double>::infinity());
    const std::int64_t count = std::min<std::int64_t>(options.target_classes, clean.size(1) - 1);
    const at::Tensor targets = std::get<1>(others.topk(count, 1));
    for (std::int64_t turn = 0; turn < count;) {
      const at::Tensor left = all.fooled.logical_not().nonzero().squeeze(1);
      if (left.size(0) == 0) {
        break;
      }
      const auto pairs = detail::target_pairs::of(left, targets, turn, options.batch);
      const attack_result part = towards(pairs, clean.size(1))
                                     .run(model, input.x.index_select(0, pairs.sample),
                                          input.y.index_select(0, pairs.sample), pairs.rows(input.rows));
      take(all, part, pairs, left);
      turn += pairs.together;
    }
    return all;
  }

  [[nodiscard]] static at::Tensor clean_logits(const classifier_view& model, const detail::attack_input& input) {
    const at::NoGradGuard no_gradient;
    return logits_of(model, input.x);
  }

  // The attack on pairs of sample and class.
  [[nodiscard]] apgd<Ball> towards(const detail::target_pairs& pairs, std::int64_t classes) const {
    return {at_rows(ball, pairs.sample),
            {.steps = options.steps,
             .restarts = options.restarts,
             .loss = classes < 4 ? loss_function{detail::target_margin{pairs.target}}
                                 : loss_function{dlr_targeted{pairs.target}},
             .box = options.box,
             .seed = options.seed,
             .drop_fooled = options.drop_fooled,
             .rho = options.rho,
             .eot = options.eot,
             .transform = options.transform.at(pairs.sample)},
            name};
  }

  // Of each sample the first class that fooled it, as if no later one had been tried; of the very first class any
  // point.
  static void take(attack_result& all, const attack_result& part, const detail::target_pairs& pairs,
                   const at::Tensor& left) {
    const at::Tensor first = pairs.first_fooled(part.fooled);
    const at::Tensor fooled = first.lt(pairs.together);
    const at::Tensor tried = row_numbers(pairs.together, first).unsqueeze(1).le(first);
    const at::Tensor met_zero = part.zero_gradient.view_as(tried).logical_and(tried).any(0);
    all.zero_gradient.index_copy_(0, left, all.zero_gradient.index_select(0, left).logical_or_(met_zero));
    all.fooled.index_copy_(0, left, fooled);
    const bool has_first_class = pairs.turn[0].item<std::int64_t>() == 0;
    const at::Tensor taken = has_first_class ? row_numbers(left.size(0), left) : fooled.nonzero().squeeze(1);
    const at::Tensor pair =
        first.masked_fill(fooled.logical_not(), 0).mul(pairs.samples).add_(row_numbers(left.size(0), left));
    all.adversarial.index_copy_(0, left.index_select(0, taken),
                                part.adversarial.index_select(0, pair.index_select(0, taken)));
  }
};

template <class Ball>
apgd_targeted(Ball) -> apgd_targeted<Ball>;
template <class Ball>
apgd_targeted(Ball, apgd_targeted_options) -> apgd_targeted<Ball>;

}  // namespace redoubt

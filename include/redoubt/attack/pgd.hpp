#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>

#include <redoubt/attack/detail/climb.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/pgd_options.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>
#include <type_traits>

namespace redoubt {

/// Projected gradient descent (Madry et al. 2018, arXiv:1706.06083): climbs the loss inside ball and box.
///
/// `attack(model, x, y, rows)` returns x' like x (shape, dtype, device, memory format) with every x' - x inside the
/// ball (to a rounding of x's dtype) and x' inside the box. x is [N, ...] floating point in the box, y int64 [N],
/// `rows` int64 [N] says which sample each row is (default 0..N-1): random starts depend on (seed, row, restart) alone.
/// The step is d <- project(d + step * steepest(grad)) unless a third part, a step rule, says otherwise; the loss is
/// summed over the batch and never averaged, so that no sample's step depends on its neighbours. With `iterate::best`
/// all K + 1 points are looked at: K gradients buy K + 1.
///
/// Over a ball with a `widest` (l1: 3) the radius shrinks to the ball's own, unless `shrink_radius` says otherwise: of
/// the steps 30 % in a ball of so many radii, 30 % half-way to one, each with steps as much longer, and the rest in the
/// ball itself, from the best point of the part before (Croce & Hein 2021, arXiv:2103.01208, section 4). Only points in
/// the ball itself count.
///
/// Guarantees: modes, buffers, parameters, their `.grad` and the global generators are as they were, also after an
/// exception; the gradient is taken with respect to the input alone. A call leaves the attack as it is: threads may
/// share one, each with a model of its own that draws nothing at random.
/// Throws std::invalid_argument, naming the value, for options out of range, x, y or rows of another form, x outside
/// the box or with a NaN, labels out of range, logits that are not [N, C], and a model or loss without a gradient.
/// Cost: steps x (forward + input gradient) a restart, one more forward with `iterate::best` or several restarts (three
/// where the radius shrinks); with a transform one more forward a step; `eot` times all.
template <class Ball, class Rule = constant_step>
struct pgd {
  static_assert(a_ball<Ball>,
                "pgd: the first part must be a ball (linf, l2, or a type that meets redoubt::a_ball: "
                "radius, length, project_, steepest, sample)");
  static_assert(a_step_rule<Rule, Ball>,
                "pgd: the third part must be a step rule (constant_step, momentum, or a type that meets "
                "redoubt::a_step_rule: next(ball, step_view) -> perturbation)");

  Ball ball;                 ///< the perturbations that are allowed
  pgd_options options = {};  ///< all that can be set, each with a default
  Rule rule = {};            ///< how each step moves
  const char* name = "pgd";  ///< what errors begin with

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
    static_assert(a_classifier<Model>,
                  "pgd: the model must map a batch at::Tensor to logits at::Tensor (redoubt::a_classifier)");
    const c10::InferenceMode with_graphs{false};
    const detail::attack_input input = detail::checked_input(name, x, y, rows, options.box);
    detail::require_valid(options, radius_of(ball), name, x.size(0));
    const untouched<std::remove_cvref_t<Model>> guard{model, x.device()};
    const at::ScalarType type = x.scalar_type();
    attack_result found = detail::climb{options, {ball, rule}, name}.run(
        [&](const at::Tensor& point) { return model(point.to(type)); }, input);
    found.adversarial = found.adversarial.to(type);
    return found;
  }
};

template <class Ball>
pgd(Ball) -> pgd<Ball>;
template <class Ball>
pgd(Ball, pgd_options) -> pgd<Ball>;
template <class Ball, class Rule>
pgd(Ball, pgd_options, Rule) -> pgd<Ball, Rule>;

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <cstdint>
#include <limits>
#include <redoubt/attack/detail/best_points.hpp>
#include <redoubt/attack/detail/gradient.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/input_transform.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/attack/start.hpp>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/attack/stop_rule.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/loss/cross_entropy.hpp>
#include <redoubt/loss/loss_function.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>
#include <string>
#include <vector>

namespace redoubt {

/// Which of the points that an attack visits it returns.
enum class iterate {
  best,  ///< one that fools the model where there is one, else the one of the highest loss
  last,  ///< the last, as most libraries do: what adversarial training uses
};

/// Tuning of `pgd`. Every field has a default; set the ones you need by name.
struct pgd_options {
  extent step = 2.0 / 255;               ///< length of a step in the ball's norm, in units of the input; >= 0
  int steps = 10;                        ///< gradient evaluations a restart; >= 1
  bool random_start = true;              ///< start from a uniform draw of the ball, else from x
  int restarts = 1;                      ///< independent runs; later ones attack only what no run has fooled yet; >= 1
  loss_function loss = cross_entropy{};  ///< climbed; descended where `targeted`
  redoubt::box box = {};                 ///< every value of the result lies inside
  bool targeted = false;                 ///< y are the labels to reach, not to leave
  std::uint64_t seed = 0;                ///< of the random starts
  iterate keep = iterate::best;
  bool drop_fooled = false;        ///< a sample's first point that fools stands: the same outcomes, for less
  start_function start = {};       ///< where each restart begins, instead of what `random_start` says
  input_transform transform = {};  ///< done to a point before the model sees it for a gradient
  stop_rule stop = {};             ///< which samples to stop work on; needs `iterate::best`
  int eot = 1;                     ///< gradients averaged a step, over the draws of transform and model; >= 1
  bool shrink_radius = true;       ///< begin in wider balls where the ball asks for it (l1)
};

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
/// exception; the gradient is taken with respect to the input alone.
/// Throws std::invalid_argument, naming the value, for options out of range, x outside the box or with a NaN, labels
/// out of range, logits that are not [N, C], and a model or loss without a gradient. Cost: steps x (forward + input
/// gradient) a restart, one more forward with `iterate::best` (three where the radius shrinks); with a transform one
/// more forward a step; `eot` times all.
template <class Ball, class Rule = constant_step>
struct pgd {
  static_assert(a_ball<Ball>,
                "pgd: the first part must be a ball (linf, l2, or a type that meets redoubt::a_ball: "
                "radius, length, project_, steepest, sample)");
  static_assert(a_step_rule<Rule, Ball>,
                "pgd: the third part must be a step rule (constant_step, momentum, or a type that meets "
                "redoubt::a_step_rule: next(ball, step_view) -> perturbation)");

  Ball ball;
  pgd_options options = {};
  Rule rule = {};
  const char* name = "pgd";  ///< what errors begin with

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
    require_options(x.size(0));
    const untouched<std::remove_cvref_t<Model>> guard{model, x.device()};
    const at::ScalarType type = x.scalar_type();
    detail::best_points best = search([&](const at::Tensor& point) { return model(point.to(type)); }, input);
    return {.adversarial = best.points.to(type),
            .zero_gradient = best.zero_gradient,
            .fooled = looked() ? best.fooled : at::Tensor{}};
  }

 private:
  // The samples under attack; `taken` says where each came from.
  struct climbers {
    Ball ball;
    Rule rule;
    extent length;
    loss_function loss;
    start_function start;
    input_transform transform;
    stop_rule stop;
    detail::attack_input input;
    detail::best_points best;
    at::Tensor taken;
    at::Tensor point = {};  // where the climb stands
    at::Tensor done = {};   // bool [N]: whose best point stands, as long as they are in the batch

    [[nodiscard]] climbers at(const at::Tensor& rows) const {
      return {at_rows(ball, rows),    at_rows(rule, rows),
              length.at(rows),        loss.at(rows),
              start.at(rows),         transform.at(rows),
              stop.at(rows),          {tensor_at(input.x, rows), tensor_at(input.y, rows), tensor_at(input.rows, rows)},
              best.at(rows),          tensor_at(taken, rows),
              tensor_at(point, rows), tensor_at(done, rows)};
    }
  };

  // A part of a climb: steps [first, first + steps) of the restart, in a ball of `radii` times the ball's own radius.
  struct stage {
    double radii;
    int first;
    int steps;
  };

  // What the model says of a point, averaged over the draws.
  struct answer {
    at::Tensor logits;    // [N, C]; of several draws the logarithms of their mean probabilities
    at::Tensor loss;      // [N], climbed
    at::Tensor gradient;  // [N, ...]; undefined where none was asked for
  };

  void require_options(std::int64_t samples) const {
    const std::string who = name;
    radius_of(ball).require_valid((who + ": the ball's radius").c_str(), samples);
    options.step.require_valid((who + ": step").c_str(), samples);
    require(options.steps >= 1, who, ": steps must be at least 1, got ", options.steps);
    require(options.restarts >= 1 && options.restarts < 65536, who, ": restarts must lie in [1, 65535], got ",
            options.restarts);
    require(options.eot >= 1, who, ": eot must be at least 1, got ", options.eot);
    require(!options.stop || options.keep == iterate::best, who,
            ": a stopping rule needs iterate::best, as a sample that stops early has no last point");
  }

  // Whether every point was looked at, so that the attack can tell whom it fooled.
  [[nodiscard]] bool looked() const { return options.keep == iterate::best || options.restarts > 1; }

  [[nodiscard]] detail::best_points search(const classifier_view& model, const detail::attack_input& input) const {
    climbers all{ball,
                 rule,
                 options.step,
                 options.loss,
                 options.start,
                 options.transform,
                 options.stop,
                 input,
                 detail::best_points::none(input.x, input.y),
                 row_numbers(input.y.size(0), input.y)};
    for (int restart = 0; restart < options.restarts; ++restart) {
      const at::Tensor left = all.best.fooled.logical_not().nonzero().squeeze(1);
      if (left.size(0) == 0) {
        break;
      }
      climb(model, all.at(left), restart, all.best);
    }
    return all.best;
  }

  [[nodiscard]] std::vector<stage> stages() const {
    if constexpr (requires { Ball::widest; }) {
      if (const int wide = options.steps * 3 / 10; options.shrink_radius && wide > 0) {
        return {{Ball::widest, 0, wide}, {(Ball::widest + 1) / 2, wide, wide}, {1, 2 * wide, options.steps - 2 * wide}};
      }
    }
    return {{1, 0, options.steps}};
  }

  void climb(const classifier_view& model, climbers now, int restart, detail::best_points& found) const {
    const std::vector<stage> all = stages();
    now.done = now.best.fooled.new_zeros(now.best.fooled.sizes());
    now.point = start(widened(now, all.front()), restart);
    for (const stage& each : all) {
      climbers part = widened(now, each);
      if (each.first > 0) {
        at::Tensor d = now.point.sub(now.input.x);
        part.point = constrained_point(part.ball, d, now.input.x, options.box);
      }
      if (each.radii == 1) {
        walk(model, part, restart, each, found);
        return;
      }
      detail::best_points reached = detail::best_points::none(now.input.x, now.input.y);
      walk(model, part, restart, each, reached);
      now.best.zero_gradient.logical_or_(reached.zero_gradient);
      now.point = reached.points;
    }
  }

  // The same samples in a wider ball, where nothing has been found yet and nobody stops early.
  [[nodiscard]] static climbers widened(climbers now, const stage& each) {
    if (each.radii != 1) {
      now.ball = with_radius(now.ball, radius_of(now.ball).times(each.radii));
      now.length = now.length.times(each.radii);
      now.best = detail::best_points::none(now.input.x, now.input.y);
      now.taken = row_numbers(now.input.y.size(0), now.input.y);
    }
    return now;
  }

  void walk(const classifier_view& model, climbers now, int restart, const stage& part,
            detail::best_points& found) const {
    for (int step = 0; step < part.steps; ++step) {
      const at::Tensor seen = looked_at(now);
      const answer told = ask(model, now, seen, {.restart = restart, .step = part.first + step}, true);
      const at::Tensor fooled = detail::is_fooled(told.logits, now.input.y, options.targeted);
      now.best.zero_gradient.logical_or_(
          told.gradient.flatten(1).abs().amax(1).eq(0).logical_and_(fooled.logical_or(now.done).logical_not()));
      step_view view{.x = now.input.x,
                     .point = now.point,
                     .gradient = told.gradient,
                     .loss = told.loss,
                     .fooled = fooled,
                     .length = now.length,
                     .box = options.box,
                     .step = step,
                     .steps = part.steps};
      if (options.keep == iterate::best) {
        offer(now, seen, told.loss, fooled);
        if (const at::Tensor left = still_climbing(now, view, part); left.defined()) {
          found.put(now.taken, now.best);
          if (left.size(0) == 0) {
            return;
          }
          now = now.at(left);
          view = part_of(view, now, left);
        }
      }
      at::Tensor d = now.rule.next(now.ball, view).clone();  // what is moved into the ball may be the rule's own
      require(d.sizes() == now.input.x.sizes(), name, ": the step rule must give a perturbation of shape ",
              now.input.x.sizes(), ", gave ", d.sizes());
      now.point = constrained_point(now.ball, d, now.input.x, options.box);
    }
    settle(model, now, {.restart = restart, .step = part.first + part.steps});
    found.put(now.taken, now.best);
  }

  [[nodiscard]] at::Tensor start(const climbers& now, int restart) const {
    const draw where{.seed = options.seed, .restart = static_cast<std::uint32_t>(restart)};
    const at::Tensor& x = now.input.x;
    at::Tensor d;
    if (now.start) {
      // A copy: what is moved into the ball may be the start's own.
      d = now.start(x, now.input.rows, where).to(x.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
      require(d.sizes() == x.sizes(), name, ": the start must give a perturbation of shape ", x.sizes(), ", gave ",
              d.sizes());
      return constrained_point(now.ball, d, x, options.box);
    }
    if (!options.random_start) {
      return x;
    }
    return options.box.clamp(now.ball.sample(x, now.input.rows, where).to(x.scalar_type()).add_(x));
  }

  // Where the rule wants its gradient: at the point, if it does not say otherwise.
  [[nodiscard]] at::Tensor looked_at(climbers& now) const {
    if constexpr (requires { now.rule.look(now.ball, now.input.x, now.point); }) {
      at::Tensor d = now.rule.look(now.ball, now.input.x, now.point);
      return constrained_point(now.ball, d, now.input.x, options.box);
    } else {
      return now.point;
    }
  }

  // A position in the run: which draws of transform and model come next.
  struct position {
    int restart;
    int step;
  };

  // The model's answer at `seen`; the gradient goes through the transform, logits and loss are those without it.
  [[nodiscard]] answer ask(const classifier_view& model, const climbers& now, const at::Tensor& seen, position at,
                           bool with_gradient) const {
    const at::AutoGradMode graphs{with_gradient};
    answer mean;
    for (int turn = 0; turn < options.eot; ++turn) {
      const at::Tensor leaf = with_gradient ? seen.detach().requires_grad_() : seen;
      const bool transformed = with_gradient && now.transform;
      const at::Tensor logits = logits_of(model, transformed ? transform(now, leaf, draw_at(at, turn)) : leaf);
      if (at.step == 0) {
        detail::require_labels(name, now.input.y, logits.size(1));
      }
      const at::Tensor loss = climbed_loss(now, logits);
      if (with_gradient) {
        add(mean.gradient, detail::input_gradient(name, loss, logits, leaf));
      }
      if (!transformed) {
        add(mean.loss, loss.detach());
        add(mean.logits, options.eot > 1 ? logits.detach().softmax(1) : logits.detach());
      }
    }
    if (with_gradient && now.transform) {
      const answer plain = ask(model, now, seen, at, false);
      return {plain.logits, plain.loss, averaged(mean.gradient)};
    }
    return {options.eot > 1 ? averaged(mean.logits).log() : mean.logits, averaged(mean.loss), averaged(mean.gradient)};
  }

  [[nodiscard]] at::Tensor transform(const climbers& now, const at::Tensor& point, const draw& where) const {
    at::Tensor input = now.transform(point, now.input.rows, where);
    require(input.dim() >= 1 && input.size(0) == point.size(0), name, ": the input transform must give ", point.size(0),
            " samples, gave shape ", input.sizes());
    return input;
  }

  static void add(at::Tensor& sum, const at::Tensor& part) { sum = sum.defined() ? sum.add(part) : part; }

  [[nodiscard]] at::Tensor averaged(const at::Tensor& sum) const {
    return sum.defined() && options.eot > 1 ? sum.div(options.eot) : sum;
  }

  // A seed of its own: balls draw starts from the seed and from its complement.
  [[nodiscard]] draw draw_at(position at, int turn) const {
    return {.seed = options.seed ^ (std::uint64_t{1} << 63),
            .restart = static_cast<std::uint32_t>(at.restart),
            .step = static_cast<std::uint32_t>(at.step * options.eot + turn)};
  }

  [[nodiscard]] at::Tensor climbed_loss(const climbers& now, const at::Tensor& logits) const {
    const at::Tensor loss = now.loss(logits, now.input.y);
    return options.targeted ? loss.neg() : loss;
  }

  // Samples that are done have no part in it, or a sample's best point would hang on how long its batch goes on.
  static void offer(climbers& now, const at::Tensor& seen, const at::Tensor& loss, const at::Tensor& fooled) {
    now.best.offer(seen, loss.masked_fill(now.done, -std::numeric_limits<double>::infinity()),
                   fooled.logical_and(now.done.logical_not()));
  }

  // The samples to go on with, once those that are done are a quarter of the batch; else undefined.
  [[nodiscard]] at::Tensor still_climbing(climbers& now, const step_view& view, const stage& part) const {
    if (part.radii != 1 || (!options.drop_fooled && !now.stop)) {
      return {};
    }
    if (options.drop_fooled) {
      now.done = now.done.logical_or(now.best.fooled);
    }
    if (now.stop) {
      const at::Tensor stopped = now.stop(view);
      require(stopped.sizes() == now.done.sizes(), name, ": the stopping rule must give a bool per sample ",
              now.done.sizes(), ", gave shape ", stopped.sizes());
      now.done = now.done.logical_or(stopped);
    }
    at::Tensor left = now.done.logical_not().nonzero().squeeze(1);
    return 4 * left.size(0) > 3 * now.taken.size(0) ? at::Tensor{} : left;
  }

  [[nodiscard]] static step_view part_of(step_view view, const climbers& now, const at::Tensor& rows) {
    view.x = now.input.x;
    view.point = now.point;
    view.length = now.length;
    for (at::Tensor* each : {&view.gradient, &view.loss, &view.fooled}) {
      *each = tensor_at(*each, rows);
    }
    return view;
  }

  // The point after the last step: kept as it is, or looked at like every other, which needs no gradient.
  void settle(const classifier_view& model, climbers& now, position after) const {
    if (!looked()) {
      now.best.points = now.point;
      return;
    }
    const answer told = ask(model, now, now.point, after, false);
    offer(now, now.point, told.loss, detail::is_fooled(told.logits, now.input.y, options.targeted));
  }
};

template <class Ball>
pgd(Ball) -> pgd<Ball>;
template <class Ball>
pgd(Ball, pgd_options) -> pgd<Ball>;
template <class Ball, class Rule>
pgd(Ball, pgd_options, Rule) -> pgd<Ball, Rule>;

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <redoubt/attack/detail/ball_and_rule.hpp>
#include <redoubt/attack/detail/best_points.hpp>
#include <redoubt/attack/detail/gradient.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/detail/signs.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/loss/cross_entropy.hpp>
#include <redoubt/loss/loss_function.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>
#include <type_traits>
#include <vector>

namespace redoubt {

/// Tuning of `spsa`. Every field has a default; set the ones you need by name.
struct spsa_options {
  extent step = 0.01;         ///< length of a step in the ball's norm, in units of the input; >= 0
  int steps = 100;            ///< gradients estimated; >= 1
  int samples = 128;          ///< directions a gradient is estimated from, two queries each; >= 1
  double delta = .01;         ///< how far from the point each query is, in every element; > 0, 2 of them in the box
  loss_function loss = {};    ///< climbed; empty: `margin`, and where `targeted` `cross_entropy`, descended
  redoubt::box box = {};      ///< every value of the result and of every query lies inside
  bool targeted = false;      ///< y are the labels to reach, not to leave
  std::uint64_t seed = 0;     ///< of the directions
  std::int64_t batch = 1024;  ///< samples that the model is asked for at once when gradients are estimated; >= 1
};

/// Projected gradient descent whose gradients are estimated from scores (Uesato et al. 2018, arXiv:1802.05666).
///
/// The estimate at z is the mean over random signs v of v (f(z + delta v) - f(z - delta v)) / (2 delta) (Spall 1992,
/// SPSA), with f the loss; z is the point, moved inside the box by delta where it is nearer to its walls. The step is
/// the rule's, as in `pgd`, over any ball. The model is any callable x [N, ...] -> scores [N, C], one that asks
/// elsewhere included: it runs without grad mode; the loss needs no gradient either.
///
/// `attack(model, x, y, rows)` returns the point that fools the model, else that of the highest loss met, x among
/// them. Inputs, `rows`, guarantees and errors are those of `pgd`; directions depend on (seed, row, step) alone.
/// Queries at z + delta v may leave the ball. Samples leave the batch once they are fooled; `run` also says how often
/// the model was asked of each. Cost: steps x (2 samples + 1) + 1 queries a sample.
template <class Ball, class Rule = constant_step>
struct spsa {
  static_assert(a_ball<Ball>, "spsa: the first part must be a ball (linf, l2, or a type that meets redoubt::a_ball)");
  static_assert(a_step_rule<Rule, Ball>,
                "spsa: the third part must be a step rule (constant_step, adam, or a type that meets "
                "redoubt::a_step_rule: next(ball, step_view) -> perturbation)");

  Ball ball;                  ///< the perturbations that are allowed
  spsa_options options = {};  ///< all that can be set, each with a default
  Rule rule = {};             ///< how each step moves

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
    static_assert(a_classifier<Model>, "spsa: the model must map a batch at::Tensor to logits at::Tensor");
    const c10::InferenceMode with_graphs{false};
    const at::NoGradGuard no_gradient;
    const detail::attack_input input = detail::checked_input("spsa", x, y, rows, options.box);
    require_options(input.x);
    const untouched<std::remove_cvref_t<Model>> guard{model, x.device()};
    const at::ScalarType type = x.scalar_type();
    at::Tensor queries = input.y.new_zeros(input.y.sizes());
    const detail::best_points best =
        search([&](const at::Tensor& points) { return model(points.to(type)); }, input, queries);
    return {.adversarial = best.points.to(type),
            .zero_gradient = best.zero_gradient,
            .fooled = best.fooled,
            .queries = queries};
  }

 private:
  // The samples under attack; `taken` says where each came from.
  struct climbers {
    detail::ball_and_rule parts;
    extent length;
    loss_function loss;
    detail::attack_input input;
    detail::best_points best;
    at::Tensor taken;
    at::Tensor point;  // where the climb stands

    [[nodiscard]] climbers at(const at::Tensor& rows) const {
      return {parts.at(rows),        length.at(rows),
              loss.at(rows),         {tensor_at(input.x, rows), tensor_at(input.y, rows), tensor_at(input.rows, rows)},
              best.at(rows),         tensor_at(taken, rows),
              tensor_at(point, rows)};
    }
  };

  void require_options(const at::Tensor& x) const {
    radius_of(ball).require_valid("spsa: the ball's radius", x.size(0));
    options.step.require_valid("spsa: step", x.size(0));
    require(options.steps >= 1, "spsa: steps must be at least 1, got ", options.steps);
    require(options.samples >= 1, "spsa: samples must be at least 1, got ", options.samples);
    require(options.batch >= 1, "spsa: batch must be at least 1, got ", options.batch);
    const at::Tensor width = options.box.upper.broadcast_over(x).sub(options.box.lower.broadcast_over(x));
    const double narrowest = width.numel() == 0 ? 0 : width.min().item<double>();
    require(options.delta > 0 && (width.numel() == 0 || 2 * options.delta <= narrowest),
            "spsa: delta must be positive and at most half the box, ", narrowest / 2, "; got ", options.delta);
  }

  [[nodiscard]] loss_function loss() const {
    if (options.loss) {
      return options.loss;
    }
    return options.targeted ? loss_function{cross_entropy{}} : loss_function{margin{}};
  }

  [[nodiscard]] detail::best_points search(const classifier_view& model, const detail::attack_input& input,
                                           at::Tensor& queries) const {
    detail::best_points found = detail::best_points::none(input.x, input.y);
    if (input.x.numel() == 0) {
      return found;
    }
    climbers now{{ball, rule},
                 options.step,
                 loss(),
                 input,
                 detail::best_points::none(input.x, input.y),
                 row_numbers(input.y.size(0), input.y),
                 input.x};
    for (int step = 0; step <= options.steps; ++step) {
      queries.index_add_(0, now.taken, now.taken.new_ones(now.taken.sizes()));
      const at::Tensor logits = logits_of(model, now.point).detach();
      if (step == 0) {
        detail::require_labels("spsa", input.y, logits.size(1));
      }
      at::Tensor climbed = climbed_loss(now.loss, logits, now.input.y);
      now.best.offer(now.point, climbed, detail::is_fooled(logits, now.input.y, options.targeted));
      const at::Tensor left = now.best.fooled.logical_not().nonzero().squeeze(1);
      if (left.size(0) < now.taken.size(0)) {
        found.put(now.taken, now.best);
        now = now.at(left);
        climbed = climbed.index_select(0, left);
      }
      if (left.size(0) == 0 || step == options.steps) {
        break;
      }
      move(model, now, climbed, step);
      queries.index_add_(0, now.taken, now.taken.new_full(now.taken.sizes(), 2 * options.samples));
    }
    found.put(now.taken, now.best);
    return found;
  }

  void move(const classifier_view& model, climbers& now, const at::Tensor& climbed, int step) const {
    const at::Tensor gradient = estimate(model, now, now.parts.looked_at(now.input.x, now.point, options.box), step);
    now.best.zero_gradient.logical_or_(detail::is_zero(gradient));
    const step_view view{.x = now.input.x,
                         .point = now.point,
                         .gradient = gradient,
                         .loss = climbed,
                         .fooled = now.best.fooled,
                         .length = now.length,
                         .box = options.box,
                         .step = step,
                         .steps = options.steps};
    now.point = now.parts.constrained_point(now.parts.next(view, "spsa"), now.input.x, options.box);
  }

  // Group by group of samples, so that the model never sees more than a batch.
  [[nodiscard]] at::Tensor estimate(const classifier_view& model, const climbers& now, const at::Tensor& point,
                                    int step) const {
    at::Tensor gradient = point.new_zeros(point.sizes());
    const std::int64_t most = options.batch;
    for (std::int64_t first = 0; first < point.size(0); first += most) {
      const std::int64_t count = std::min(most, point.size(0) - first);
      const at::Tensor group = row_numbers(count, now.taken).add_(first);
      at::Tensor part = gradient.narrow(0, first, count);
      add_differences(model, point.narrow(0, first, count), now.input.y.narrow(0, first, count),
                      now.input.rows.narrow(0, first, count), now.loss.at(group), step, part);
    }
    return gradient;
  }

  void add_differences(const classifier_view& model, const at::Tensor& point, const at::Tensor& y,
                       const at::Tensor& rows, const loss_function& loss, int step, at::Tensor& gradient) const {
    const at::Tensor lowest = options.box.lower.broadcast_over(point).add(options.delta);
    const at::Tensor highest = options.box.upper.broadcast_over(point).sub(options.delta);
    const at::Tensor centre = point.maximum(lowest).minimum(highest);
    const std::int64_t at_once = std::max<std::int64_t>(1, options.batch / point.size(0));
    std::vector<std::int64_t> shape = point.sizes().vec();
    for (std::int64_t first = 0; first < options.samples; first += at_once) {
      const std::int64_t count = std::min(at_once, options.samples - first);
      const draw where{.seed = options.seed, .step = static_cast<std::uint32_t>(step)};
      const at::Tensor signs = detail::random_signs(point, rows, where, first, count);
      shape[0] = count * point.size(0);
      const at::Tensor ahead = centre.add(signs, options.delta).reshape(shape);
      const at::Tensor behind = centre.sub(signs, options.delta).reshape(shape);
      const at::Tensor labels = y.repeat({count});
      const loss_function own = loss.at(row_numbers(y.size(0), y).repeat({count}));
      const auto asked = [&](const at::Tensor& queries) {
        return climbed_loss(own, logits_of(model, options.box.clamp(queries)).detach(), labels).view({count, -1});
      };
      const at::Tensor difference = asked(ahead).sub(asked(behind)).nan_to_num(0, 0, 0);
      // One after the other, so that the sum is the same however many are asked for at once.
      for (std::int64_t i = 0; i < count; ++i) {
        gradient.addcmul_(signs.select(0, i), per_sample(difference.select(0, i), gradient),
                          1 / (2 * options.delta * options.samples));
      }
    }
  }

  [[nodiscard]] at::Tensor climbed_loss(const loss_function& of, const at::Tensor& logits, const at::Tensor& y) const {
    at::Tensor each = of(logits, y);
    require(each.dim() == 1 && each.size(0) == y.size(0), "spsa: the loss must be one number per sample [", y.size(0),
            "], got shape ", each.sizes());
    return options.targeted ? each.neg() : each;
  }
};

template <class Ball>
spsa(Ball) -> spsa<Ball>;
template <class Ball>
spsa(Ball, spsa_options) -> spsa<Ball>;
template <class Ball, class Rule>
spsa(Ball, spsa_options, Rule) -> spsa<Ball, Rule>;

}  // namespace redoubt

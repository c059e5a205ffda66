#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <cstdint>
#include <redoubt/attack/detail/best_points.hpp>
#include <redoubt/attack/detail/gradient.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/loss/cross_entropy.hpp>
#include <redoubt/loss/loss_function.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>

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
  bool drop_fooled = false;  ///< stop work on a sample once it is fooled: the same outcomes, for less
};

/// Projected gradient descent (Madry et al. 2018, arXiv:1706.06083): climbs the loss inside ball and box.
///
/// `attack(model, x, y, rows)` returns x' like x (shape, dtype, device, memory format) with every x' - x inside the
/// ball (to a rounding of x's dtype) and x' inside the box. x is [N, ...] floating point in the box, y int64 [N],
/// `rows` int64 [N] says which sample each row is (default 0..N-1): random starts depend on (seed, row, restart) alone.
/// The step is d <- project(d + step * steepest(grad)), the loss summed over the batch and never averaged, so that no
/// sample's step depends on its neighbours. With `iterate::best` all K + 1 points are looked at: K gradients buy K + 1.
///
/// Guarantees: modes, buffers, parameters, their `.grad` and the global generators are as they were, also after an
/// exception; the gradient is taken with respect to the input alone.
/// Throws std::invalid_argument, naming the value, for options out of range, x outside the box or with a NaN, labels
/// out of range, logits that are not [N, C], and a model or loss without a gradient. Cost: steps x (forward + input
/// gradient) a restart, one more forward with `iterate::best`.
template <class Ball>
struct pgd {
  static_assert(a_ball<Ball>, "pgd: the first part must be a ball (linf, l2, or a type that meets redoubt::a_ball)");

  Ball ball;
  pgd_options options = {};

  template <class Model>
  [[nodiscard]] at::Tensor operator()(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                      const at::Tensor& rows = {}) const {
    return run(model, x, y, rows).adversarial;
  }

  /// The same, with what was noticed on the way.
  template <class Model>
  [[nodiscard]] attack_result run(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                  const at::Tensor& rows = {}) const {
    static_assert(a_classifier<Model>, "pgd: the model must map a batch at::Tensor to logits at::Tensor");
    const c10::InferenceMode with_graphs{false};
    const detail::attack_input input = detail::checked_input("pgd", x, y, rows, options.box);
    require_options(x.size(0));
    const untouched<std::remove_cvref_t<Model>> guard{model, x.device()};
    const at::ScalarType type = x.scalar_type();
    detail::best_points best = search([&](const at::Tensor& point) { return model(point.to(type)); }, input);
    return {best.points.to(type), best.zero_gradient};
  }

 private:
  // The samples under attack; `taken` says where each came from.
  struct climbers {
    Ball ball;
    extent step;
    loss_function loss;
    detail::attack_input input;
    detail::best_points best;
    at::Tensor taken;

    [[nodiscard]] climbers at(const at::Tensor& rows) const {
      return {at_rows(ball, rows),
              step.at(rows),
              loss.at(rows),
              {input.x.index_select(0, rows), input.y.index_select(0, rows), input.rows.index_select(0, rows)},
              best.at(rows),
              taken.index_select(0, rows)};
    }
  };

  void require_options(std::int64_t samples) const {
    extent{ball.radius}.require_valid("pgd: the ball's radius", samples);
    options.step.require_valid("pgd: step", samples);
    require(options.steps >= 1, "pgd: steps must be at least 1, got ", options.steps);
    require(options.restarts >= 1 && options.restarts < 65536, "pgd: restarts must lie in [1, 65535], got ",
            options.restarts);
  }

  [[nodiscard]] detail::best_points search(const classifier_view& model, const detail::attack_input& input) const {
    climbers all{ball,
                 options.step,
                 options.loss,
                 input,
                 detail::best_points::none(input.x, input.y),
                 input.y.new_ones(input.y.sizes()).cumsum(0).sub_(1)};
    for (int restart = 0; restart < options.restarts; ++restart) {
      const at::Tensor left = all.best.fooled.logical_not().nonzero().squeeze(1);
      if (left.size(0) == 0) {
        break;
      }
      climb(model, all.at(left), restart, all.best);
    }
    return all.best;
  }

  void climb(const classifier_view& model, climbers now, int restart, detail::best_points& found) const {
    const at::AutoGradMode with_gradient{true};
    const bool looks = options.keep == iterate::best;
    at::Tensor d = start(now, restart);
    for (int step = 0; step < options.steps; ++step) {
      at::Tensor point = options.box.clamp(now.input.x.add(d)).requires_grad_();
      const at::Tensor logits = logits_of(model, point);
      if (step == 0) {
        detail::require_labels("pgd", now.input.y, logits.size(1));
      }
      const at::Tensor loss = climbed_loss(now, logits);
      at::Tensor gradient = detail::input_gradient("pgd", loss, logits, point);
      const at::Tensor fooled = detail::is_fooled(logits, now.input.y, options.targeted);
      now.best.zero_gradient.logical_or_(gradient.flatten(1).abs().amax(1).eq(0).logical_and_(fooled.logical_not()));
      point = point.detach();
      if (looks) {
        now.best.offer(point, loss.detach(), fooled);
        if (options.drop_fooled && drop_fooled(now, point, gradient, found)) {
          return;
        }
      }
      d = point.sub_(now.input.x);
      advance(now, d, gradient);
    }
    settle(model, now, options.box.clamp(now.input.x.add(d)));
    found.put(now.taken, now.best);
  }

  [[nodiscard]] at::Tensor start(const climbers& now, int restart) const {
    if (!options.random_start) {
      return now.input.x.new_zeros(now.input.x.sizes());
    }
    const draw where{.seed = options.seed, .restart = static_cast<std::uint32_t>(restart)};
    return now.ball.sample(now.input.x, now.input.rows, where).to(now.input.x.scalar_type());
  }

  [[nodiscard]] at::Tensor climbed_loss(const climbers& now, const at::Tensor& logits) const {
    const at::Tensor loss = now.loss(logits, now.input.y);
    return options.targeted ? loss.neg() : loss;
  }

  static void advance(const climbers& now, at::Tensor& d, const at::Tensor& gradient) {
    at::Tensor step = now.ball.steepest(gradient);
    d.add_(now.step.scale_(step));
    now.ball.project_(d);
  }

  // Sends the fooled samples home once they are a quarter of the batch; true when nobody is left.
  static bool drop_fooled(climbers& now, at::Tensor& point, at::Tensor& gradient, detail::best_points& found) {
    const at::Tensor left = now.best.fooled.logical_not().nonzero().squeeze(1);
    if (4 * left.size(0) > 3 * now.taken.size(0)) {
      return false;
    }
    found.put(now.taken, now.best);
    now = now.at(left);
    point = point.index_select(0, left);
    gradient = gradient.index_select(0, left);
    return left.size(0) == 0;
  }

  // The point after the last step: kept as it is, or looked at like every other, which needs no gradient.
  void settle(const classifier_view& model, climbers& now, const at::Tensor& point) const {
    if (options.keep == iterate::last && options.restarts == 1) {
      now.best.points = point;
      return;
    }
    const at::NoGradGuard no_gradient;
    const at::Tensor logits = logits_of(model, point);
    now.best.offer(point, climbed_loss(now, logits), detail::is_fooled(logits, now.input.y, options.targeted));
  }
};

template <class Ball>
pgd(Ball) -> pgd<Ball>;
template <class Ball>
pgd(Ball, pgd_options) -> pgd<Ball>;

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <redoubt/attack/detail/clearly_fooled.hpp>
#include <redoubt/attack/detail/gradient.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/detail/nearest_points.hpp>
#include <redoubt/attack/minimal_result.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>
#include <redoubt/norm/l2.hpp>
#include <string>
#include <type_traits>

namespace redoubt {

/// Tuning of `carlini_wagner`. Every field has a default; set the ones you need by name.
struct carlini_wagner_options {
  int steps = 300;                 ///< gradients for each constant tried; >= 1
  double learning_rate = 0.03;     ///< of Adam, annealed to a hundredth; > 0. A pixel can go some steps x rate / 2
                                   ///< radians, of which the box's width is pi
  double confidence = 0;           ///< by how many logits the points found must lead; >= 0
  int search_steps = 9;            ///< constants tried for each sample; >= 1
  double initial_constant = 0.01;  ///< the first of them; > 0
  redoubt::box box = {};           ///< every value of the result lies inside
  bool targeted = false;           ///< y are the labels to reach, not to leave
  bool abort_early = true;         ///< give a constant up for a sample that gains nothing in a tenth of the steps
  bool drop_fooled = false;        ///< within a radius: stop work on a sample once it is fooled there
};

/// The attack of Carlini & Wagner over l2: seeks the nearest point that fools the model (2017, arXiv:1608.04644,
/// section VI.A).
///
/// Minimises |x' - x|^2 + c max(confidence - lead, 0) by Adam (Kingma & Ba 2015, arXiv:1412.6980), lead being how far
/// the logits are beyond the boundary, and searches for each sample's smallest c that does: tenfold until one succeeds,
/// then by bisection. The box is kept by a change of variables as in the paper, but by a sine and not a tanh:
/// x' = x + half width * (sin(w) - sin(w0)). Where a pixel is black or white tanh's w0 is infinite, and kept a
/// millionth from there the derivative is a millionth, too; the sine's is its root, 1/700, which Adam's scaling makes
/// up for, and the clean point is kept to the bit. Tried beside it: Adam on x' itself, projected, whose result depends
/// more on the learning rate and was farther on standard models.
///
/// `attack(model, x, y, rows)` returns x' like x (shape, dtype, device, memory format): the nearest point found where
/// it lies inside the ball, x elsewhere. `minimal(model, x, y, rows)` gives the points whatever their distance; the
/// radius then counts for nothing. x is [N, ...] floating point in the box, y int64 [N]; nothing is drawn at random.
/// All points that are visited are looked at. A sample that fools the model as it is costs one forward. All state is
/// kept by sample, early abort included: no outcome depends on neighbours.
///
/// Guarantees and errors are those of `pgd`. Cost: a forward, and up to search_steps x (steps x (forward + input
/// gradient) + a forward).
struct carlini_wagner {
  l2 ball;                              ///< how far a perturbation may go, in l2
  carlini_wagner_options options = {};  ///< all that can be set, each with a default
  const char* name = "carlini_wagner";  ///< what errors begin with

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
    return detail::within(ball, found_by(model, x, y, rows, aim::into_ball), x);
  }

  /// The nearest points found that fool the model, however far they are.
  template <class Model>
  [[nodiscard]] minimal_result minimal(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                       const at::Tensor& rows = {}) const {
    return detail::as_minimal(found_by(model, x, y, rows, aim::nearest), x);
  }

 private:
  enum class aim { into_ball, nearest };

  // The samples under attack; `taken` says where each came from.
  struct seekers {
    detail::attack_input input;
    detail::nearest_points nearest;
    at::Tensor taken;
    at::Tensor constant;   // [N]
    at::Tensor too_small;  // [N]: the largest constant that failed
    at::Tensor enough;     // [N]: the smallest that did not
    at::Tensor won;        // bool [N]: this constant has succeeded

    [[nodiscard]] seekers at(const at::Tensor& rows) const {
      return {{tensor_at(input.x, rows), tensor_at(input.y, rows), tensor_at(input.rows, rows)},
              nearest.at(rows),
              tensor_at(taken, rows),
              tensor_at(constant, rows),
              tensor_at(too_small, rows),
              tensor_at(enough, rows),
              tensor_at(won, rows)};
    }
  };

  // Adam's state for one constant.
  struct descent {
    at::Tensor w;         // [N, ...]: the point in the new variables
    at::Tensor origin;    // [N, ...]: the sine of x there
    at::Tensor mean;      // [N, ...] of the gradients
    at::Tensor square;    // [N, ...]: mean of the squared gradients
    at::Tensor cost;      // [N]: at the last check for progress
    at::Tensor given_up;  // bool [N]

    [[nodiscard]] descent at(const at::Tensor& rows) const {
      return {tensor_at(w, rows),      tensor_at(origin, rows), tensor_at(mean, rows),
              tensor_at(square, rows), tensor_at(cost, rows),   tensor_at(given_up, rows)};
    }
  };

  // The objective at a point, with its gradient there.
  struct answer {
    at::Tensor cost;      // [N]
    at::Tensor gradient;  // [N, ...]
  };

  template <class Model>
  [[nodiscard]] detail::nearest_points found_by(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                                const at::Tensor& rows, aim wanted) const {
    static_assert(a_classifier<Model>, "carlini_wagner: the model must map a batch at::Tensor to logits at::Tensor");
    const c10::InferenceMode with_graphs{false};
    const detail::attack_input input = detail::checked_input(name, x, y, rows, options.box);
    require_options();
    if (wanted == aim::into_ball) {
      ball.radius.require_valid((std::string{name} + ": the ball's radius").c_str(), x.size(0));
    }
    const untouched<std::remove_cvref_t<Model>> guard{model, x.device()};
    const at::ScalarType type = x.scalar_type();
    const at::Tensor none = input.x.new_zeros(y.sizes());
    return search([&](const at::Tensor& point) { return model(point.to(type)); }, input,
                  wanted == aim::into_ball && options.drop_fooled ? ball.radius.broadcast_over(none) : none);
  }

  void require_options() const {
    const auto positive = [&](const char* what, double value) {
      require(value > 0 && std::isfinite(value), name, ": ", what, " must be finite and positive, got ", value);
    };
    require(options.steps >= 1, name, ": steps must be at least 1, got ", options.steps);
    require(options.search_steps >= 1, name, ": search_steps must be at least 1, got ", options.search_steps);
    require(options.confidence >= 0 && std::isfinite(options.confidence), name,
            ": confidence must be finite and not negative, got ", options.confidence);
    positive("learning_rate", options.learning_rate);
    positive("initial_constant", options.initial_constant);
  }

  [[nodiscard]] detail::nearest_points search(const classifier_view& model, const detail::attack_input& input,
                                              const at::Tensor& near_enough) const {
    seekers all{input,
                detail::nearest_points::none(input.x, near_enough),
                row_numbers(input.y.size(0), input.y),
                near_enough.new_full(near_enough.sizes(), options.initial_constant),
                near_enough.new_zeros(near_enough.sizes()),
                near_enough.new_full(near_enough.sizes(), std::numeric_limits<double>::infinity()),
                {}};
    if (input.y.size(0) == 0) {
      return all.nearest;
    }
    look_at_clean(model, all);
    for (int trial = 0; trial < options.search_steps; ++trial) {
      const at::Tensor left = all.nearest.sought().nonzero().squeeze(1);
      if (left.size(0) == 0) {
        break;
      }
      all.won = all.taken.new_zeros(all.taken.sizes(), at::kBool);
      descend(model, all.at(left), all);
      choose_constants(all);
    }
    return all.nearest;
  }

  void look_at_clean(const classifier_view& model, seekers& all) const {
    const at::NoGradGuard no_gradient;
    const at::Tensor logits = logits_of(model, all.input.x);
    detail::require_labels(name, all.input.y, logits.size(1));
    all.nearest.offer(all.input.x, all.constant.new_zeros(all.constant.sizes()),
                      detail::is_fooled(logits, all.input.y, options.targeted));
  }

  // One constant for each sample: Adam from x, for all samples that still gain by it.
  void descend(const classifier_view& model, seekers now, seekers& all) const {
    const at::Tensor lower = options.box.lower.broadcast_over(now.input.x);
    const at::Tensor half = options.box.upper.broadcast_over(now.input.x).sub(lower).div(2);
    const at::Tensor none = now.constant.new_full(now.constant.sizes(), std::numeric_limits<double>::infinity());
    // Kept from the ends, where the sine's derivative is 0.
    const at::Tensor begin = now.input.x.sub(lower).div(half).sub(1).clamp(-1 + 1e-6, 1 - 1e-6).asin();
    descent adam{begin, begin.sin(),    begin.new_zeros(begin.sizes()), begin.new_zeros(begin.sizes()),
                 none,  now.won.clone()};
    for (int step = 0; step < options.steps; ++step) {
      const at::Tensor d = adam.w.sin().sub_(adam.origin).mul_(half);
      const answer told = look(model, now, d, adam.given_up);
      if (options.abort_early && step % std::max(1, options.steps / 10) == 0) {
        adam.given_up = adam.given_up.logical_or(told.cost.gt(adam.cost.mul(0.9999)));
        adam.cost = told.cost;
      }
      advance(adam, told.gradient.mul(adam.w.cos().mul_(half)), step);
      const at::Tensor left = now.nearest.sought().logical_and_(adam.given_up.logical_not()).nonzero().squeeze(1);
      if (4 * left.size(0) <= 3 * now.taken.size(0)) {
        put(all, now);
        if (left.size(0) == 0) {
          return;
        }
        now = now.at(left);
        adam = adam.at(left);
      }
    }
    const at::NoGradGuard no_gradient;
    const at::Tensor last = options.box.clamp(adam.w.sin().sub_(adam.origin).mul_(half).add_(now.input.x));
    const at::Tensor logits = logits_of(model, last);
    keep(now, last, logits, lead_of(logits, now.input.y), adam.given_up);
    put(all, now);
  }

  // The model's answer at x + d, which is kept where it fools and is the nearest.
  [[nodiscard]] answer look(const classifier_view& model, seekers& now, const at::Tensor& d,
                            const at::Tensor& given_up) const {
    const at::Tensor point = options.box.clamp(now.input.x.add(d));
    const at::AutoGradMode graphs{true};
    const at::Tensor leaf = point.detach().requires_grad_();
    const at::Tensor logits = logits_of(model, leaf);
    const at::Tensor lead = lead_of(logits, now.input.y);
    const at::Tensor slope = detail::input_gradient(name, lead, logits, leaf);
    const at::NoGradGuard no_gradient;
    const at::Tensor fooled = keep(now, point, logits, lead, given_up);
    now.nearest.zero_gradient.logical_or_(detail::is_zero(slope).logical_and_(fooled.logical_not()));
    const at::Tensor short_of = lead.detach().to(d.scalar_type()).neg().add(options.confidence);
    const at::Tensor pushed = short_of.gt(0);
    const at::Tensor push = now.constant.mul(pushed);
    return {.cost = d.square().flatten(1).sum(1).add_(short_of.nan_to_num(0).clamp_min(0).mul(now.constant)),
            .gradient = d.mul(2).sub_(slope.nan_to_num(0).mul_(per_sample(push, d)))};
  }

  [[nodiscard]] at::Tensor lead_of(const at::Tensor& logits, const at::Tensor& y) const {
    const at::Tensor margins = margin{}(logits, y);
    return options.targeted ? margins.neg() : margins;
  }

  // A sample that has given this constant up is not looked at, however long its neighbours keep it in the batch.
  [[nodiscard]] at::Tensor judged(const seekers& now, const at::Tensor& logits, const at::Tensor& lead,
                                  const at::Tensor& given_up) const {
    return detail::clearly_fooled(logits, now.input.y, options.targeted, lead)
        .logical_and_(lead.detach().le(options.confidence).logical_not_())
        .logical_and_(given_up.logical_not());
  }

  at::Tensor keep(seekers& now, const at::Tensor& point, const at::Tensor& logits, const at::Tensor& lead,
                  const at::Tensor& given_up) const {
    at::Tensor fooled = judged(now, logits, lead, given_up);
    now.nearest.offer(point, l2::length(point.sub(now.input.x)), fooled);
    now.won = now.won.logical_or(fooled);
    return fooled;
  }

  void advance(descent& adam, const at::Tensor& gradient, int step) const {
    constexpr double of_mean = 0.9;
    constexpr double of_square = 0.999;
    adam.mean = adam.mean.mul(of_mean).add_(gradient, 1 - of_mean);
    adam.square = adam.square.mul(of_square).addcmul_(gradient, gradient, 1 - of_square);
    const double left = (1 + std::cos(std::numbers::pi * step / options.steps)) / 2;
    const double rate = options.learning_rate * (0.01 + 0.99 * left) / (1 - std::pow(of_mean, step + 1));
    const at::Tensor size = adam.square.div(1 - std::pow(of_square, step + 1)).sqrt_().add_(1e-8);
    adam.w = adam.w.sub(adam.mean.div(size), rate);
  }

  static void put(seekers& all, const seekers& part) {
    all.nearest.put(part.taken, part.nearest);
    all.won.index_copy_(0, part.taken, part.won);
  }

  static void choose_constants(seekers& all) {
    all.enough = all.enough.minimum(all.constant).where(all.won, all.enough);
    all.too_small = all.too_small.where(all.won, all.too_small.maximum(all.constant));
    all.constant = all.too_small.add(all.enough).div(2).where(all.enough.isfinite(), all.constant.mul(10));
  }
};

}  // namespace redoubt

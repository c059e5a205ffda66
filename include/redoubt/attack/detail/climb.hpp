#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <cstdint>
#include <limits>
#include <redoubt/attack/detail/ball_and_rule.hpp>
#include <redoubt/attack/detail/best_points.hpp>
#include <redoubt/attack/detail/gradient.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/pgd_options.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/model/classifier.hpp>
#include <string>
#include <utility>
#include <vector>

namespace redoubt::detail {

/// Throws std::invalid_argument, naming `who` and the value, for options out of range.
inline void require_valid(const pgd_options& options, const extent& radius, const std::string& who,
                          std::int64_t samples) {
  radius.require_valid((who + ": the ball's radius").c_str(), samples);
  options.step.require_valid((who + ": step").c_str(), samples);
  require(options.steps >= 1, who, ": steps must be at least 1, got ", options.steps);
  require(options.restarts >= 1 && options.restarts < 65536, who, ": restarts must lie in [1, 65535], got ",
          options.restarts);
  require(options.eot >= 1, who, ": eot must be at least 1, got ", options.eot);
  require(!options.stop || options.keep == iterate::best, who,
          ": a stopping rule needs iterate::best, as a sample that stops early has no last point");
}

/// What `pgd` does, for any ball and rule: its type does not hang on theirs, so that a file with many attacks compiles
/// it once.
class climb {
 public:
  climb(const pgd_options& options, ball_and_rule parts, const char* name)
      : options_{options}, parts_{std::move(parts)}, name_{name} {}

  [[nodiscard]] attack_result run(const classifier_view& model, const attack_input& input) const {
    return result_of(search(model, input));
  }

  /// What an attack tells of the points that it found.
  [[nodiscard]] attack_result result_of(const best_points& best) const {
    return {.adversarial = best.points,
            .zero_gradient = best.zero_gradient,
            .fooled = looked() ? best.fooled : at::Tensor{}};
  }

  /// What a run of steps starts with and leaves behind: see `take_steps`.
  struct state {
    attack_input input;
    at::Tensor point;  ///< where the climb stands
    best_points best;  ///< of the points so far
  };

  /// Takes the steps [from, to) of a restart, for samples that all stay, and writes them into `now`: best in its own
  /// memory, point as a new tensor. Nothing is checked, so that nothing waits for a device: this is what a graph holds.
  ///
  /// From 0 to all where the attack takes its steps in several balls (see `is_in_one_ball`) or its rule remembers.
  void take_steps(const classifier_view& model, state& now, int from, int to) const {
    climbers all = climbers_of(now.input);
    all.best = now.best.at(all.taken);  // a copy: what is found is put into the other
    all.point = now.point;
    if (is_in_one_ball()) {
      now.point = walk(model, std::move(all), {.restart = checked, .step = from}, {1, 0, options_.steps}, to, now.best);
    } else {
      climb_once(model, std::move(all), checked, now.best);
    }
  }

  /// Where a restart's steps start.
  [[nodiscard]] at::Tensor start(const attack_input& input, int restart) const {
    return first_point(climbers_of(input), restart);
  }

  [[nodiscard]] bool is_in_one_ball() const { return stages().size() == 1; }

 private:
  // In place of a restart's number: one whose labels have been checked, and that draws nothing but its start.
  static constexpr int checked = -1;

  // The samples under attack; `taken` says where each came from.
  struct climbers {
    ball_and_rule parts;
    extent length;
    loss_function loss;
    start_function start;
    input_transform transform;
    stop_rule stop;
    attack_input input;
    best_points best;
    at::Tensor taken;
    at::Tensor point = {};  // where the climb stands
    at::Tensor done = {};   // bool [N]: whose best point stands, as long as they are in the batch

    [[nodiscard]] climbers at(const at::Tensor& rows) const {
      return {parts.at(rows),         length.at(rows),        loss.at(rows),        start.at(rows),
              transform.at(rows),     stop.at(rows),          input.at(rows),       best.at(rows),
              tensor_at(taken, rows), tensor_at(point, rows), tensor_at(done, rows)};
    }
  };

  // A part of a climb: steps [first, first + steps) of the restart, in a ball of `radii` times the ball's own radius.
  struct stage {
    double radii;
    int first;
    int steps;
  };

  // A position in the run: which draws of transform and model come next.
  struct position {
    int restart;
    int step;
  };

  // What the model says of a point, averaged over the draws.
  struct answer {
    at::Tensor logits;    // [N, C]; of several draws the logarithms of their mean probabilities
    at::Tensor loss;      // [N], climbed
    at::Tensor gradient;  // [N, ...]; undefined where none was asked for
  };

  // Whether every point was looked at, so that the attack can tell whom it fooled.
  [[nodiscard]] bool looked() const { return options_.keep == iterate::best || options_.restarts > 1; }

  [[nodiscard]] best_points search(const classifier_view& model, const attack_input& input) const {
    climbers all = climbers_of(input);
    for (int restart = 0; restart < options_.restarts; ++restart) {
      const at::Tensor left = all.best.standing();
      if (left.size(0) == 0) {
        break;
      }
      climbers some = all.at(left);
      some.point = first_point(some, restart);
      climb_once(model, std::move(some), restart, all.best);
    }
    return all.best;
  }

  // Where a restart begins: in the ball of its first stage.
  [[nodiscard]] at::Tensor first_point(const climbers& now, int restart) const {
    return start(widened(now, stages().front()), restart);
  }

  [[nodiscard]] climbers climbers_of(const attack_input& input) const {
    return {parts_,
            options_.step,
            options_.loss,
            options_.start,
            options_.transform,
            options_.stop,
            input,
            best_points::none(input.x, input.y),
            row_numbers(input.y.size(0), input.y),
            {},
            input.y.new_zeros(input.y.sizes(), at::kBool)};
  }

  [[nodiscard]] std::vector<stage> stages() const {
    const double widest = options_.shrink_radius ? parts_.widest() : 1;
    const int wide = widest > 1 ? options_.steps * 3 / 10 : 0;
    if (wide == 0) {
      return {{1, 0, options_.steps}};
    }
    return {{widest, 0, wide}, {(widest + 1) / 2, wide, wide}, {1, 2 * wide, options_.steps - 2 * wide}};
  }

  // A restart that begins at `now.point`.
  void climb_once(const classifier_view& model, climbers now, int restart, best_points& found) const {
    for (const stage& each : stages()) {
      climbers part = widened(now, each);
      if (each.first > 0) {
        part.point = part.parts.constrained_point(now.point.sub(now.input.x), now.input.x, options_.box);
      }
      now.point.reset();
      const position begin{.restart = restart, .step = each.first};
      if (each.radii == 1) {
        walk(model, std::move(part), begin, each, each.first + each.steps, found);
        return;
      }
      best_points reached = best_points::none(now.input.x, now.input.y);
      walk(model, std::move(part), begin, each, each.first + each.steps, reached);
      now.best.zero_gradient.logical_or_(reached.zero_gradient);
      now.point = reached.points;
    }
  }

  // The same samples in a wider ball, where nothing has been found yet and nobody stops early.
  [[nodiscard]] static climbers widened(climbers now, const stage& each) {
    if (each.radii != 1) {
      now.parts = now.parts.widened(each.radii);
      now.length = now.length.times(each.radii);
      now.best = best_points::none(now.input.x, now.input.y);
      now.taken = row_numbers(now.input.y.size(0), now.input.y);
    }
    return now;
  }

  // The steps of a stage from `at` up to `end`; gives where they lead, of those who are left.
  at::Tensor walk(const classifier_view& model, climbers now, position at, const stage& part, int end,
                  best_points& found) const {
    for (; at.step < end; ++at.step) {
      at::Tensor seen = now.parts.looked_at(now.input.x, now.point, options_.box);
      const answer told = ask(model, now, seen, at, true);
      const at::Tensor fooled = is_fooled(told.logits, now.input.y, options_.targeted);
      now.best.zero_gradient.logical_or_(
          is_zero(told.gradient).logical_and_(fooled.logical_or(now.done).logical_not()));
      step_view view{.x = now.input.x,
                     .point = now.point,
                     .gradient = told.gradient,
                     .loss = told.loss,
                     .fooled = fooled,
                     .length = now.length,
                     .box = options_.box,
                     .step = at.step - part.first,
                     .steps = part.steps};
      if (options_.keep == iterate::best) {
        offer(now, seen, told.loss, fooled);
        if (const at::Tensor left = still_climbing(now, view, part); left.defined()) {
          found.put(now.taken, now.best);
          if (left.size(0) == 0) {
            return now.point;
          }
          now = now.at(left);
          view = part_of(view, now, left);
        }
      }
      // Nobody but the view has the point now, so that a step can be taken in its memory.
      seen.reset();
      now.point.reset();
      now.point = moved(now, view);
    }
    if (end == part.first + part.steps) {
      settle(model, now, at);
    }
    found.put(now.taken, now.best);
    return now.point;
  }

  [[nodiscard]] at::Tensor moved(climbers& now, step_view& view) const {
    if (now.parts.move_(view)) {
      return view.point;
    }
    return now.parts.constrained_point(now.parts.next(view, name_), now.input.x, options_.box);
  }

  [[nodiscard]] at::Tensor start(const climbers& now, int restart) const {
    const draw where{.seed = options_.seed, .restart = static_cast<std::uint32_t>(restart)};
    const at::Tensor& x = now.input.x;
    at::Tensor d;
    if (now.start) {
      // A copy: what is moved into the ball may be the start's own.
      d = now.start(x, now.input.rows, where).to(x.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
      require(d.sizes() == x.sizes(), name_, ": the start must give a perturbation of shape ", x.sizes(), ", gave ",
              d.sizes());
      return now.parts.constrained_point(std::move(d), x, options_.box);
    }
    if (!options_.random_start) {
      return x;
    }
    // Not clamped to the box alone: that takes a draw out of a ball whose elements hang together.
    return now.parts.constrained_point(now.parts.sample(x, now.input.rows, where).to(x.scalar_type()), x, options_.box);
  }

  // The model's answer at `seen`; the gradient goes through the transform, logits and loss are those without it.
  [[nodiscard]] answer ask(const classifier_view& model, const climbers& now, const at::Tensor& seen, position at,
                           bool with_gradient) const {
    const at::AutoGradMode graphs{with_gradient};
    answer mean;
    for (int turn = 0; turn < options_.eot; ++turn) {
      const at::Tensor leaf = with_gradient ? seen.detach().requires_grad_() : seen;
      const bool transformed = with_gradient && now.transform;
      const at::Tensor logits = logits_of(model, transformed ? transform(now, leaf, draw_at(at, turn)) : leaf);
      if (at.step == 0 && at.restart != checked) {
        require_labels(name_, now.input.y, logits.size(1));
      }
      const at::Tensor loss = climbed_loss(now, logits);
      if (with_gradient) {
        add(mean.gradient, input_gradient(name_, loss, logits, leaf));
      }
      if (!transformed) {
        add(mean.loss, loss.detach());
        add(mean.logits, options_.eot > 1 ? logits.detach().softmax(1) : logits.detach());
      }
    }
    if (with_gradient && now.transform) {
      const answer plain = ask(model, now, seen, at, false);
      return {plain.logits, plain.loss, averaged(mean.gradient)};
    }
    return {options_.eot > 1 ? averaged(mean.logits).log() : mean.logits, averaged(mean.loss), averaged(mean.gradient)};
  }

  [[nodiscard]] at::Tensor transform(const climbers& now, const at::Tensor& point, const draw& where) const {
    at::Tensor input = now.transform(point, now.input.rows, where);
    require(input.dim() >= 1 && input.size(0) == point.size(0), name_, ": the input transform must give ",
            point.size(0), " samples, gave shape ", input.sizes());
    return input;
  }

  static void add(at::Tensor& sum, const at::Tensor& part) { sum = sum.defined() ? sum.add(part) : part; }

  [[nodiscard]] at::Tensor averaged(const at::Tensor& sum) const {
    return sum.defined() && options_.eot > 1 ? sum.div(options_.eot) : sum;
  }

  // A seed of its own: balls draw starts from the seed and from its complement.
  [[nodiscard]] draw draw_at(position at, int turn) const {
    return {.seed = options_.seed ^ (std::uint64_t{1} << 63),
            .restart = static_cast<std::uint32_t>(at.restart),
            .step = static_cast<std::uint32_t>(at.step * options_.eot + turn)};
  }

  [[nodiscard]] at::Tensor climbed_loss(const climbers& now, const at::Tensor& logits) const {
    const at::Tensor loss = now.loss(logits, now.input.y);
    return options_.targeted ? loss.neg() : loss;
  }

  // Samples that are done have no part in it, or a sample's best point would hang on how long its batch goes on.
  static void offer(climbers& now, const at::Tensor& seen, const at::Tensor& loss, const at::Tensor& fooled) {
    now.best.offer(seen, loss.masked_fill(now.done, -std::numeric_limits<double>::infinity()),
                   fooled.logical_and(now.done.logical_not()));
  }

  // The samples to go on with, once those that are done are a quarter of the batch; else undefined.
  [[nodiscard]] at::Tensor still_climbing(climbers& now, const step_view& view, const stage& part) const {
    if (part.radii != 1 || (!options_.drop_fooled && !now.stop)) {
      return {};
    }
    if (options_.drop_fooled) {
      now.done = now.done.logical_or(now.best.fooled);
    }
    if (now.stop) {
      const at::Tensor stopped = now.stop(view);
      require(stopped.sizes() == now.done.sizes(), name_, ": the stopping rule must give a bool per sample ",
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
    offer(now, now.point, told.loss, is_fooled(told.logits, now.input.y, options_.targeted));
  }

  const pgd_options& options_;
  ball_and_rule parts_;
  const char* name_;
};

}  // namespace redoubt::detail

#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <limits>
#include <redoubt/attack/detail/gradient.hpp>
#include <redoubt/attack/detail/hyperplane.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/detail/nearest_points.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/core/box.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>
#include <string>
#include <utility>

namespace redoubt {

/// Tuning of `fab`. Every field has a default; set the ones you need by name.
struct fab_options {
  int steps = 100;         ///< linearisations a run; >= 1
  int restarts = 1;        ///< runs (for each target class); all but the first begin at a random point; >= 1
  int target_classes = 0;  ///< 0: step towards the nearest class; k: a run for each of the k most likely other classes
  double alpha_max = 0.1;  ///< most that a step leans back towards x; in [0, 1]
  double eta = 1.05;       ///< how far a step goes across the linearised boundary; >= 1
  double beta = 0.9;       ///< share of its distance that a point found is moved back to, from where to go on; in (0, 1)
  redoubt::box box = {};   ///< every value of the result lies inside
  std::uint64_t seed = 0;  ///< of the random starts
};

/// The fast adaptive boundary attack: seeks the nearest misclassified point (Croce & Hein 2020, arXiv:1907.02044,
/// algorithm 1), over linf, l2 or l1.
///
/// Each step takes the decision boundary as the hyperplane that it is to first order, moves the point and x onto it
/// within the box, and goes on from between the two; a misclassified point is kept where it is nearer than all before
/// it, and the search goes on nearer to x. With `target_classes = 9` this is FAB-T as AutoAttack runs it (Croce & Hein
/// 2020, arXiv:2003.01690): the boundary to one class at a time, which costs one gradient a step and not one for each
/// class. It needs no step size, and neither scaling nor shifting the logits changes what it does.
///
/// `attack(model, x, y, rows)` returns x' like x (shape, dtype, device, memory format): a misclassified point inside
/// ball and box, or x itself where none was found. A sample leaves the batch once it is fooled within the radius, and a
/// sample that is misclassified as it is costs one forward. `minimal(model, x, y, rows)` looks for the nearest point
/// however far it is. x is [N, ...] floating point in the box, y int64 [N] are the true labels, `rows` int64 [N] says
/// which sample each row is (default 0..N-1): random starts depend on (seed, row, restart, target) alone.
///
/// Guarantees and errors are those of `pgd`. Cost: a step is two forwards and one input gradient (without target
/// classes a gradient for each class but one), a run `steps` of them; a run for each restart and target class.
template <class Ball>
struct fab {
  static_assert(a_ball<Ball>, "fab: the first part must be a ball (linf, l2, l1)");
  static_assert(detail::reaches_hyperplanes<Ball>,
                "fab: the ball must be linf, l2 or l1: what is nearest on a hyperplane in a box is known for these");

  Ball ball;
  fab_options options = {};
  const char* name = "fab";  ///< what errors begin with

  template <class Model>
  [[nodiscard]] at::Tensor operator()(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                      const at::Tensor& rows = {}) const {
    return run(model, x, y, rows).adversarial;
  }

  /// The same, with what was noticed on the way.
  template <class Model>
  [[nodiscard]] attack_result run(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                  const at::Tensor& rows = {}) const {
    return found_by(model, x, y, rows, aim::into_ball);
  }

  /// The nearest misclassified point that was found for each sample, inside the box but however far from x; x where
  /// `fooled` is false. The radius counts for random starts alone. No sample leaves early: costs `steps` for each run.
  template <class Model>
  [[nodiscard]] attack_result minimal(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                      const at::Tensor& rows = {}) const {
    return found_by(model, x, y, rows, aim::nearest);
  }

 private:
  enum class aim { into_ball, nearest };

  // The samples under attack; `taken` says where each came from.
  struct seekers {
    Ball ball;
    detail::attack_input input;
    at::Tensor classes;  // int64 [N, target_classes]: the other classes, most likely first
    detail::nearest_points nearest;
    at::Tensor taken;
    at::Tensor point = {};  // where the search stands

    [[nodiscard]] seekers at(const at::Tensor& rows) const {
      return {at_rows(ball, rows),
              {tensor_at(input.x, rows), tensor_at(input.y, rows), tensor_at(input.rows, rows)},
              tensor_at(classes, rows),
              nearest.at(rows),
              tensor_at(taken, rows),
              tensor_at(point, rows)};
    }
  };

  // Which run over the samples this is.
  struct turn {
    int target;
    int restart;
  };

  // The decision boundary to first order: gap + <normal, z - point> = 0.
  struct boundary {
    at::Tensor gap;     // [N]: the other class's logit less the label's
    at::Tensor normal;  // [N, ...]
  };

  void require_options(std::int64_t samples) const {
    const std::string who = name;
    radius_of(ball).require_valid((who + ": the ball's radius").c_str(), samples);
    require(options.steps >= 1, who, ": steps must be at least 1, got ", options.steps);
    require(options.restarts >= 1 && options.restarts < 65536, who, ": restarts must lie in [1, 65535], got ",
            options.restarts);
    require(options.target_classes >= 0, who, ": target_classes must not be negative, got ", options.target_classes);
    require(options.alpha_max >= 0 && options.alpha_max <= 1, who, ": alpha_max must lie in [0, 1], got ",
            options.alpha_max);
    require(options.eta >= 1 && options.eta < std::numeric_limits<double>::infinity(), who,
            ": eta must be finite and at least 1, got ", options.eta);
    require(options.beta > 0 && options.beta < 1, who, ": beta must lie in (0, 1), got ", options.beta);
  }

  template <class Model>
  [[nodiscard]] attack_result found_by(Model&& model, const at::Tensor& x, const at::Tensor& y, const at::Tensor& rows,
                                       aim what) const {
    static_assert(a_classifier<Model>, "fab: the model must map a batch at::Tensor to logits at::Tensor");
    const c10::InferenceMode with_graphs{false};
    const detail::attack_input input = detail::checked_input(name, x, y, rows, options.box);
    require_options(x.size(0));
    const untouched<std::remove_cvref_t<Model>> guard{model, x.device()};
    const at::ScalarType type = x.scalar_type();
    // The radius as a distance can be, in the state's type; nothing is near enough where the nearest point is wanted.
    const at::Tensor enough = what == aim::into_ball
                                  ? radius_of(ball).broadcast_over(input.x).flatten()
                                  : input.x.new_zeros(input.y.sizes());
    const detail::nearest_points nearest =
        search([&](const at::Tensor& point) { return model(point.to(type)); }, input, enough);
    const at::Tensor fooled = what == aim::into_ball ? nearest.sought().logical_not() : nearest.distance.isfinite();
    return {.adversarial = nearest.points.where(detail::per_sample_mask(fooled, input.x), input.x).to(type),
            .zero_gradient = nearest.zero_gradient,
            .fooled = fooled};
  }

  [[nodiscard]] detail::nearest_points search(const classifier_view& model, const detail::attack_input& input,
                                              const at::Tensor& enough) const {
    seekers all{ball, input, {}, detail::nearest_points::none(input.x, enough), row_numbers(input.y.size(0), input.y)};
    if (input.y.size(0) == 0) {
      return all.nearest;
    }
    rank(model, all);
    const int targets = std::max(1, static_cast<int>(all.classes.size(1)));
    for (int target = 0; target < targets; ++target) {
      for (int restart = 0; restart < options.restarts; ++restart) {
        const at::Tensor left = all.nearest.sought().nonzero().squeeze(1);
        if (left.size(0) == 0) {
          return all.nearest;
        }
        approach(model, all.at(left), {target, restart}, all.nearest);
      }
    }
    return all.nearest;
  }

  // Looks at x itself: who is misclassified as he is, and in which order the other classes come.
  void rank(const classifier_view& model, seekers& all) const {
    const at::NoGradGuard no_gradient;
    const at::Tensor logits = logits_of(model, all.input.x);
    detail::require_labels(name, all.input.y, logits.size(1));
    const at::Tensor at_x = all.nearest.enough.new_zeros(all.input.y.sizes());
    all.nearest.offer(all.input.x, at_x, detail::is_fooled(logits, all.input.y, /*targeted=*/false));
    const at::Tensor others =
        logits.scatter(1, all.input.y.unsqueeze(1), -std::numeric_limits<double>::infinity());
    const auto wanted = std::min<std::int64_t>(options.target_classes, logits.size(1) - 1);
    all.classes = others.argsort(/*stable=*/true, 1, /*descending=*/true).narrow(1, 0, wanted);
  }

  void approach(const classifier_view& model, seekers now, turn run, detail::nearest_points& found) const {
    now.point = start(now, run);
    for (int step = 0; step < options.steps; ++step) {
      const boundary edge = linearised(model, now, run.target);
      now.nearest.zero_gradient.logical_or_(
          edge.normal.flatten(1).abs().amax(1).eq(0).logical_and_(now.nearest.sought()));
      now.point = stepped(now, edge);
      const at::Tensor fooled = is_fooled_at(model, now);
      const at::Tensor d = now.point.sub(now.input.x);
      now.nearest.offer(now.point, now.ball.length(d), fooled);
      // From the other side of the boundary back towards x, to come at it anew from nearer by.
      now.point = now.input.x.add(d, options.beta).where(detail::per_sample_mask(fooled, d), now.point);
      if (const at::Tensor left = still_sought(now); left.defined()) {
        found.put(now.taken, now.nearest);
        if (left.size(0) == 0) {
          return;
        }
        now = now.at(left);
      }
    }
    found.put(now.taken, now.nearest);
  }

  // The first run begins at x, others at a draw from the ball of half the radius, or of half the distance already won.
  [[nodiscard]] at::Tensor start(const seekers& now, turn run) const {
    if (run.restart == 0) {
      return now.input.x;
    }
    const at::Tensor radius = radius_of(now.ball).broadcast_over(now.input.x).flatten();
    const extent half{radius.minimum(now.nearest.distance).div(2)};
    const draw where{.seed = options.seed,
                     .restart = static_cast<std::uint32_t>(run.restart),
                     .step = static_cast<std::uint32_t>(run.target)};
    const at::Tensor d = with_radius(now.ball, half).sample(now.input.x, now.input.rows, where);
    return options.box.clamp(d.to(now.input.x.scalar_type()).add_(now.input.x));
  }

  // The boundary seen from the point: to the target class, or to the class whose boundary is nearest.
  [[nodiscard]] boundary linearised(const classifier_view& model, const seekers& now, int target) const {
    const at::AutoGradMode graphs{true};
    const at::Tensor leaf = now.point.detach().requires_grad_();
    const at::Tensor logits = logits_of(model, leaf);
    const at::Tensor own = logits.gather(1, now.input.y.unsqueeze(1)).squeeze(1);
    const auto towards = [&](const at::Tensor& other, bool last) {
      const at::Tensor gap = logits.gather(1, other.unsqueeze(1)).squeeze(1).sub(own);
      at::Tensor normal = detail::input_gradient(name, gap, logits, leaf, !last);
      return boundary{gap.detach(), std::move(normal)};
    };
    if (now.classes.size(1) > 0) {
      return towards(now.classes.select(1, target), true);
    }
    const std::int64_t classes = logits.size(1);
    boundary nearest;
    at::Tensor least;
    for (std::int64_t ahead = 1; ahead < classes; ++ahead) {
      boundary each = towards(now.input.y.add(ahead).remainder(classes), ahead + 1 == classes);
      const at::Tensor distance = each.gap.abs().div(detail::dual_length(detail::metric_of(ball), each.normal));
      if (ahead == 1) {
        least = distance;
        nearest = std::move(each);
        continue;
      }
      const at::Tensor nearer = distance.lt(least).logical_or_(least.isnan());
      least = distance.where(nearer, least);
      nearest = {each.gap.where(nearer, nearest.gap),
                 each.normal.where(detail::per_sample_mask(nearer, each.normal), nearest.normal)};
    }
    return nearest;
  }

  // Between where the point and where x meet the boundary, the nearer to x's the nearer that is.
  [[nodiscard]] at::Tensor stepped(const seekers& now, const boundary& edge) const {
    const detail::metric norm = detail::metric_of(ball);
    const at::Tensor& x = now.input.x;
    const at::Tensor gap = edge.gap.to(at::kDouble);
    const at::Tensor apart = edge.normal.mul(now.point.sub(x)).nan_to_num_(0).flatten(1).sum(1, false, at::kDouble);
    const at::Tensor from_point = detail::onto_hyperplane(norm, now.point, edge.normal, gap.neg(), options.box);
    const at::Tensor from_x = detail::onto_hyperplane(norm, x, edge.normal, apart.sub(gap), options.box);
    const at::Tensor far = now.ball.length(from_point);
    const at::Tensor sum = far.add(now.ball.length(from_x));
    const at::Tensor alpha = far.div_(sum.masked_fill(sum.eq(0), 1)).clamp_max_(options.alpha_max);
    const at::Tensor ahead = now.point.add(from_point, options.eta);
    return options.box.clamp(ahead.lerp(x.add(from_x, options.eta), per_sample(alpha, x)));
  }

  [[nodiscard]] at::Tensor is_fooled_at(const classifier_view& model, const seekers& now) const {
    const at::NoGradGuard no_gradient;
    return detail::is_fooled(logits_of(model, now.point), now.input.y, /*targeted=*/false);
  }

  // The samples to go on with, once those that are done are a quarter of the batch; else undefined.
  [[nodiscard]] static at::Tensor still_sought(const seekers& now) {
    at::Tensor left = now.nearest.sought().nonzero().squeeze(1);
    return 4 * left.size(0) > 3 * now.taken.size(0) ? at::Tensor{} : left;
  }
};

template <class Ball>
fab(Ball) -> fab<Ball>;
template <class Ball>
fab(Ball, fab_options) -> fab<Ball>;

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <redoubt/attack/detail/clearly_fooled.hpp>
#include <redoubt/attack/detail/gradient.hpp>
#include <redoubt/attack/detail/hyperplane.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/detail/nearest_points.hpp>
#include <redoubt/attack/detail/target_pairs.hpp>
#include <redoubt/attack/minimal_result.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/core/box.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/core/random.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>
#include <string>
#include <type_traits>
#include <utility>

namespace redoubt {

/// Tuning of `fab`. Every field has a default; set the ones you need by name.
struct fab_options {
  int steps = 100;         ///< linearisations a run; >= 1
  int restarts = 1;        ///< runs (for each target class); all but the first begin at a random point; in
                           ///< [1, 65535]
  int target_classes = 0;  ///< 0: step towards the nearest class; k: a run for each of the k most likely other classes,
                           ///< or all there are; >= 0
  double alpha_max = 0.1;  ///< most that a step leans back towards x; in [0, 1]
  double eta = 1.05;       ///< how far a step goes across the linearised boundary; >= 1
  double beta = 0.9;      ///< share of its distance that a point found is moved back to, from where to go on; in (0, 1)
  redoubt::box box = {};  ///< every value of the result lies inside
  std::uint64_t seed = 0;    ///< of the random starts
  std::int64_t batch = 256;  ///< pairs of sample and target class to work on at once where few samples are left and
                             ///< there are no restarts; >= 1
};

/// The fast adaptive boundary attack: seeks the nearest misclassified point (Croce & Hein 2020, arXiv:1907.02044,
/// algorithm 1), over linf, l2 or l1.
///
/// Each step takes the decision boundary as the hyperplane that it is to first order, moves the point and x onto it
/// within the box, and goes on from between the two; a misclassified point is kept where it is nearer than all before
/// it, and the search goes on nearer to x. With `target_classes = 9` this is FAB-T as AutoAttack runs it (Croce & Hein
/// 2020, arXiv:2003.01690): the boundary to one class at a time, which costs one gradient a step and not one for each
/// class. It needs no step size, and neither scaling nor shifting the logits changes what it does.
/// Other than in the paper the boundary is linearised where the misclassified point is, and not once more where it is
/// moved back to: a forward less a step, for points as near. A run ends with five forwards on what it may still bring
/// nearer, a search along the line to x, as the paper's does and AutoAttack's does not.
///
/// `attack(model, x, y, rows)` returns x' like x (shape, dtype, device, memory format): a misclassified point inside
/// ball and box, or x itself where none was found. A sample leaves the batch once it is fooled within the radius; one
/// that is misclassified as it is costs one forward. `minimal(model, x, y, rows)` looks for the nearest point however
/// far it is. x is [N, ...] floating point in the box, y int64 [N] are the true labels, `rows` int64 [N] says which
/// sample each row is (default 0..N-1): random starts depend on (seed, row, restart, target) alone. All points are
/// looked at: K gradients buy K + 1 and the search at the end.
///
/// Guarantees and errors are those of `pgd`. Cost: a step is a forward and an input gradient (without target classes a
/// gradient for each class but one), a run `steps` of them and one more forward, or six, for each restart and target
/// class.
template <class Ball>
struct fab {
  static_assert(a_ball<Ball>, "fab: the first part must be a ball (linf, l2, l1)");
  static_assert(detail::reaches_hyperplanes<Ball>,
                "fab: the ball must be linf, l2 or l1: what is nearest on a hyperplane in a box is known for these");

  Ball ball;                 ///< the perturbations that are allowed
  fab_options options = {};  ///< all that can be set, each with a default
  const char* name = "fab";  ///< what errors begin with

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

  /// The nearest misclassified points that were found, inside the box but however far from x.
  ///
  /// The radius counts for random starts alone. No sample leaves the batch early.
  template <class Model>
  [[nodiscard]] minimal_result minimal(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                       const at::Tensor& rows = {}) const {
    return detail::as_minimal(found_by(model, x, y, rows, aim::nearest), x);
  }

 private:
  enum class aim { into_ball, nearest };

  // The samples under attack; `taken` says where each came from.
  struct seekers {
    Ball ball;
    detail::attack_input input;
    at::Tensor target;  // int64 [N]: the class whose boundary is sought; undefined: that of the nearest
    detail::nearest_points nearest;
    at::Tensor taken;
    at::Tensor point = {};  // where the search stands

    [[nodiscard]] seekers at(const at::Tensor& rows) const {
      return {
          at_rows(ball, rows),     {tensor_at(input.x, rows), tensor_at(input.y, rows), tensor_at(input.rows, rows)},
          tensor_at(target, rows), nearest.at(rows),
          tensor_at(taken, rows),  tensor_at(point, rows)};
    }
  };

  // Which run over the samples this is.
  struct turn {
    int target;
    int restart;
  };

  // The decision boundary to first order: gap + <normal, z - point> = 0.
  struct boundary {
    at::Tensor gap;     // float64 [N]: the other class's logit less the label's
    at::Tensor normal;  // [N, ...]
    at::Tensor fooled;  // bool [N]: the point is on the other side

    [[nodiscard]] boundary at(const at::Tensor& rows) const {
      return {tensor_at(gap, rows), tensor_at(normal, rows), tensor_at(fooled, rows)};
    }
  };

  void require_options(std::int64_t samples) const {
    const std::string who = name;
    radius_of(ball).require_valid((who + ": the ball's radius").c_str(), samples);
    require(options.steps >= 1, who, ": steps must be at least 1, got ", options.steps);
    require(options.restarts >= 1 && options.restarts < 65536, who, ": restarts must lie in [1, 65535], got ",
            options.restarts);
    require(options.target_classes >= 0, who, ": target_classes must not be negative, got ", options.target_classes);
    require(options.batch >= 1, who, ": batch must be at least 1, got ", options.batch);
    require(options.alpha_max >= 0 && options.alpha_max <= 1, who, ": alpha_max must lie in [0, 1], got ",
            options.alpha_max);
    require(options.eta >= 1 && std::isfinite(options.eta), who, ": eta must be finite and at least 1, got ",
            options.eta);
    require(options.beta > 0 && options.beta < 1, who, ": beta must lie in (0, 1), got ", options.beta);
  }

  template <class Model>
  [[nodiscard]] detail::nearest_points found_by(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                                const at::Tensor& rows, aim wanted) const {
    static_assert(a_classifier<Model>, "fab: the model must map a batch at::Tensor to logits at::Tensor");
    const c10::InferenceMode with_graphs{false};
    const detail::attack_input input = detail::checked_input(name, x, y, rows, options.box);
    require_options(x.size(0));
    const untouched<std::remove_cvref_t<Model>> guard{model, x.device()};
    const at::ScalarType type = x.scalar_type();
    const at::Tensor none = input.x.new_zeros(y.sizes());
    return search([&](const at::Tensor& point) { return model(point.to(type)); }, input,
                  wanted == aim::into_ball ? radius_of(ball).broadcast_over(none) : none);
  }

  [[nodiscard]] detail::nearest_points search(const classifier_view& model, const detail::attack_input& input,
                                              const at::Tensor& enough) const {
    seekers all{ball, input, {}, detail::nearest_points::none(input.x, enough), row_numbers(input.y.size(0), input.y)};
    if (input.y.size(0) == 0) {
      return all.nearest;
    }
    const at::Tensor classes = ranked(model, all);
    for (std::int64_t target = 0; target < std::max<std::int64_t>(1, classes.size(1));) {
      const at::Tensor left = all.nearest.sought().nonzero().squeeze(1);
      if (left.size(0) == 0) {
        break;
      }
      if (classes.size(1) == 0) {
        all.nearest.put(left, nearest_of(model, all.at(left), 0));
        break;
      }
      // Restarts begin where earlier classes have brought the search, so that classes must wait for each other.
      const auto pairs = detail::target_pairs::of(left, classes, target, options.restarts == 1 ? options.batch : 1);
      seekers part = all.at(pairs.sample);
      part.target = pairs.target;
      all.nearest.put(left, best_of_classes(pairs, nearest_of(model, std::move(part), static_cast<int>(target))));
      target += pairs.together;
    }
    return all.nearest;
  }

  // Looks at x itself: which are misclassified as they are, and in which order the other classes come, [N, classes].
  [[nodiscard]] at::Tensor ranked(const classifier_view& model, seekers& all) const {
    const at::NoGradGuard no_gradient;
    const at::Tensor logits = logits_of(model, all.input.x);
    detail::require_labels(name, all.input.y, logits.size(1));
    const at::Tensor at_x = all.nearest.enough.new_zeros(all.input.y.sizes());
    all.nearest.offer(all.input.x, at_x, detail::is_fooled(logits, all.input.y, /*targeted=*/false));
    const at::Tensor others = logits.scatter(1, all.input.y.unsqueeze(1), -std::numeric_limits<double>::infinity());
    const auto wanted = std::min<std::int64_t>(options.target_classes, logits.size(1) - 1);
    return others.argsort(/*stable=*/true, 1, /*descending=*/true).narrow(1, 0, wanted);
  }

  // What all restarts find for the samples.
  [[nodiscard]] detail::nearest_points nearest_of(const classifier_view& model, seekers all, int target) const {
    all.taken = row_numbers(all.taken.size(0), all.taken);
    for (int restart = 0; restart < options.restarts; ++restart) {
      const at::Tensor left = all.nearest.sought().nonzero().squeeze(1);
      if (left.size(0) == 0) {
        break;
      }
      approach(model, all.at(left), {target, restart}, all.nearest);
    }
    return all.nearest;
  }

  // For each sample what its classes would have found one after the other: the first that came near enough, else the
  // nearest.
  [[nodiscard]] static detail::nearest_points best_of_classes(const detail::target_pairs& pairs,
                                                              const detail::nearest_points& found) {
    const at::Tensor first = pairs.first_fooled(found.sought().logical_not());
    const at::Tensor least = found.distance.view({pairs.together, pairs.samples}).amin(0);
    const at::Tensor nearest = pairs.first_fooled(found.distance.eq(least.repeat({pairs.together})));
    const at::Tensor chosen = first.where(first.lt(pairs.together), nearest);
    detail::nearest_points best = found.at(chosen.mul(pairs.samples).add_(row_numbers(pairs.samples, chosen)));
    const at::Tensor tried = row_numbers(pairs.together, first).unsqueeze(1).le(first);
    best.zero_gradient = found.zero_gradient.view_as(tried).logical_and(tried).any(0);
    return best;
  }

  void approach(const classifier_view& model, seekers now, turn run, detail::nearest_points& found) const {
    now.point = start(now, run);
    // A run looks for itself, so that it finds the same after other classes' runs and beside them.
    now.nearest = detail::nearest_points::none(now.input.x, now.nearest.enough);
    for (int step = 0; step < options.steps; ++step) {
      boundary edge = linearised(model, now);
      keep(now, edge.fooled);
      now.nearest.zero_gradient.logical_or_(detail::is_zero(edge.normal).logical_and_(now.nearest.sought()));
      // Those that are done leave once they are a quarter of the batch.
      const at::Tensor left = now.nearest.sought().nonzero().squeeze(1);
      if (4 * left.size(0) <= 3 * now.taken.size(0)) {
        add(found, now);
        if (left.size(0) == 0) {
          return;
        }
        now = now.at(left);
        edge = edge.at(left);
      }
      now.point = stepped(now, edge);
    }
    const at::NoGradGuard no_gradient;
    keep(now, is_across(logits_of(model, now.point), now.input.y));
    close_in(model, now);
    add(found, now);
  }

  static void add(detail::nearest_points& found, const seekers& now) {
    detail::nearest_points all = found.at(now.taken);
    all.offer(now.nearest.points, now.nearest.distance, now.nearest.distance.isfinite());
    all.zero_gradient.logical_or_(now.nearest.zero_gradient);
    found.put(now.taken, all);
  }

  // Steps cross the boundary by more than they must: searches, by bisection, for the smallest ball whose point nearest
  // to the one met is still misclassified, where that may matter. No ball is tried that is smaller than it need be.
  void close_in(const classifier_view& model, seekers& all) const {
    constexpr double near = 0.9;
    constexpr int looks = 5;
    const detail::nearest_points& met = all.nearest;
    const at::Tensor helps = met.enough.eq(0).logical_or_(met.distance.mul(near).le(met.enough));
    const at::Tensor rows = helps.logical_and_(met.distance.isfinite()).logical_and_(met.sought()).nonzero().squeeze(1);
    if (rows.size(0) == 0) {
      return;
    }
    seekers now = all.at(rows);
    const at::Tensor met_at = now.nearest.points;
    const at::Tensor far = now.nearest.distance;
    const at::Tensor least = now.nearest.enough.div(far).mul_(1 - 1e-6);
    at::Tensor low = least.new_full(least.sizes(), near);
    at::Tensor high = least.new_ones(least.sizes());
    for (int look = 0; look < looks; ++look) {
      const at::Tensor share = low.add(high).div_(2).maximum(least);
      now.point = constrained_point(with_radius(now.ball, extent{share.mul(far)}), met_at.sub(now.input.x), now.input.x,
                                    options.box);
      const at::Tensor fooled = is_across(logits_of(model, now.point), now.input.y);
      keep(now, fooled);
      high = share.where(fooled, high);
      low = low.where(fooled, share);
    }
    all.nearest.put(rows, now.nearest);
  }

  void keep(seekers& now, const at::Tensor& fooled) const {
    now.nearest.offer(now.point, now.ball.length(now.point.sub(now.input.x)), fooled);
  }

  [[nodiscard]] static at::Tensor is_across(const at::Tensor& logits, const at::Tensor& y) {
    return detail::clearly_fooled(logits, y, /*targeted=*/false, margin{}(logits, y));
  }

  // The first run begins at x, others at a draw from the ball of half the radius, or of half the distance already won.
  [[nodiscard]] at::Tensor start(const seekers& now, turn run) const {
    if (run.restart == 0) {
      return now.input.x;
    }
    const at::Tensor radius = radius_of(now.ball).broadcast_over(now.input.x).flatten();
    const Ball half = with_radius(now.ball, extent{radius.minimum(now.nearest.distance).div(2)});
    const draw where{.seed = options.seed,
                     .restart = static_cast<std::uint32_t>(run.restart),
                     .step = static_cast<std::uint32_t>(run.target)};
    at::Tensor d = half.sample(now.input.x, now.input.rows, where).to(now.input.x.scalar_type());
    return constrained_point(half, std::move(d), now.input.x, options.box);
  }

  // The boundary seen from the point: to the target class, or to the class whose boundary is nearest.
  [[nodiscard]] boundary linearised(const classifier_view& model, const seekers& now) const {
    const at::AutoGradMode graphs{true};
    const at::Tensor leaf = now.point.detach().requires_grad_();
    const at::Tensor logits = logits_of(model, leaf);
    const at::Tensor own = logits.gather(1, now.input.y.unsqueeze(1)).squeeze(1);
    const at::Tensor fooled = is_across(logits.detach(), now.input.y);
    const auto towards = [&](const at::Tensor& other, bool last) {
      const at::Tensor gap = logits.gather(1, other.unsqueeze(1)).squeeze(1).sub(own);
      const at::Tensor gradient = detail::input_gradient(name, gap, logits, leaf, /*keep_graph=*/!last);
      return boundary{gap.detach().to(at::kDouble), gradient.nan_to_num(0, 0, 0), fooled};
    };
    if (now.target.defined()) {
      return towards(now.target, true);
    }
    const std::int64_t classes = logits.size(1);
    boundary nearest = towards(now.input.y.add(1).remainder(classes), classes == 2);
    at::Tensor least = distance_to(nearest);
    for (std::int64_t ahead = 2; ahead < classes; ++ahead) {
      const boundary each = towards(now.input.y.add(ahead).remainder(classes), ahead + 1 == classes);
      const at::Tensor distance = distance_to(each);
      const at::Tensor nearer = distance.lt(least).logical_or_(least.isnan());
      least = distance.where(nearer, least);
      nearest.gap = each.gap.where(nearer, nearest.gap);
      nearest.normal = each.normal.where(broadcast_rows(nearer, each.normal), nearest.normal);
    }
    return nearest;
  }

  // From the point, as if there were no box.
  [[nodiscard]] at::Tensor distance_to(const boundary& edge) const {
    return edge.gap.abs().div(detail::dual_length(detail::metric_of(ball), edge.normal));
  }

  // Between where the point and where x meet the boundary, leaning towards x's the more the nearer that is. A point on
  // the other side is first moved back towards x, to come at the boundary anew from nearer by.
  [[nodiscard]] at::Tensor stepped(const seekers& now, const boundary& edge) const {
    const detail::metric norm = detail::metric_of(ball);
    const at::Tensor& x = now.input.x;
    const at::Tensor d = now.point.sub(x);
    const at::Tensor along = edge.normal.mul(d).flatten(1).sum({1}, false, at::kDouble);
    const at::Tensor back = edge.fooled.to(at::kDouble).mul_(1 - options.beta);
    const at::Tensor from = now.point.sub(d.mul_(per_sample(back, d)));
    const at::Tensor from_point =
        detail::onto_hyperplane(norm, from, edge.normal, back.mul(along).sub_(edge.gap), options.box);
    const at::Tensor from_x = detail::onto_hyperplane(norm, x, edge.normal, along.sub(edge.gap), options.box);
    const at::Tensor far = now.ball.length(from_point);
    const at::Tensor both = far.add(now.ball.length(from_x));
    const at::Tensor lean = far.div(both.masked_fill(both.eq(0), 1)).clamp_max_(options.alpha_max);
    const at::Tensor ahead = from.add(from_point, options.eta);
    return options.box.clamp(ahead.lerp(x.add(from_x, options.eta), per_sample(lean, x)));
  }
};

template <class Ball>
fab(Ball) -> fab<Ball>;
template <class Ball>
fab(Ball, fab_options) -> fab<Ball>;

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

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
#include <redoubt/norm/l1.hpp>
#include <redoubt/norm/l2.hpp>
#include <redoubt/norm/linf.hpp>
#include <string>
#include <type_traits>
#include <utility>

namespace redoubt {

/// Tuning of `fmn`. Every field has a default; set the ones you need by name.
struct fmn_options {
  int steps = 100;         ///< gradients a restart; >= 1
  double step = 1;         ///< length of the first step, in radii of the ball as it then is (over l1 its l2 length, in
                           ///< fifths of them; over l0 in the input's unit); the last is a hundredth of it; > 0
  double gamma = 0.05;     ///< by which share the ball first shrinks or grows a step; at last 0.001; in (0, 1)
  redoubt::box box = {};   ///< every value of the result lies inside
  bool targeted = false;   ///< y are the labels to reach, not to leave
  std::uint64_t seed = 0;  ///< of the restarts' starts
  int restarts = 1;        ///< all but the first begin at a draw from the ball of the distance found so far; in
                           ///< [1, 65535]
  bool drop_fooled = false;  ///< within a radius: stop work on a sample once it is fooled there: the same outcomes, for
                             ///< less
};

/// The fast minimum-norm attack: seeks the nearest point that fools the model (Pintor et al. 2021, arXiv:2102.12827,
/// algorithm 1), over any ball.
///
/// A projected ascent of the margin in a ball whose radius is searched for on the way: it shrinks while the model is
/// fooled, grows while it is not, and reaches for the boundary as the gradient foretells it until it was first crossed.
/// Other than in the paper a step is as long as the ball is wide, times `step`, and not of one length in every norm and
/// at every distance: on hardened models that finds points nearer by a third and more. Where the first-order radius
/// falls short, because the box cut the step, the ball grows nevertheless.
///
/// `attack(model, x, y, rows)` returns x' like x (shape, dtype, device, memory format): the nearest point found where
/// it lies inside the ball, x elsewhere. `minimal(model, x, y, rows)` gives the points whatever their distance; the
/// radius then counts for nothing. x is [N, ...] floating point in the box, y int64 [N], `rows` int64 [N] says which
/// sample each row is (default 0..N-1): starts depend on (seed, row, restart) alone. All points are looked at: K
/// gradients buy K + 1. A sample that fools the model as it is leaves the batch.
///
/// Guarantees and errors are those of `pgd`. Cost: a restart is `steps` times a forward and an input gradient, and one
/// more forward.
template <class Ball>
struct fmn {
  static_assert(a_ball<Ball>,
                "fmn: the first part must be a ball (linf, l2, l1, l0, or a type that meets redoubt::a_ball)");

  Ball ball;                 ///< the perturbations that are allowed
  fmn_options options = {};  ///< all that can be set, each with a default
  const char* name = "fmn";  ///< what errors begin with

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

  static constexpr bool is_l1 = std::is_same_v<Ball, l1>;
  // Over l0 a radius is a count: it moves by whole numbers, and no gradient foretells it.
  static constexpr bool counts = requires(const Ball& b) { b.count; };

  // The samples under attack; `taken` says where each came from. The tensors after it are this restart's own.
  struct seekers {
    Ball ball;
    detail::attack_input input;
    detail::nearest_points nearest;
    at::Tensor taken;
    at::Tensor farthest = {};  // [N]: the distance of the box's farthest corner
    at::Tensor point = {};     // where the search stands
    at::Tensor bound = {};     // [N]: the radius as it is now
    at::Tensor reached = {};   // [N]: the distance of this restart's nearest point; infinite before there is one

    [[nodiscard]] seekers at(const at::Tensor& rows) const {
      return {
          at_rows(ball, rows),       {tensor_at(input.x, rows), tensor_at(input.y, rows), tensor_at(input.rows, rows)},
          nearest.at(rows),          tensor_at(taken, rows),
          tensor_at(farthest, rows), tensor_at(point, rows),
          tensor_at(bound, rows),    tensor_at(reached, rows)};
    }
  };

  // What the model says of a point.
  struct answer {
    at::Tensor lead;      // [N]: how far beyond the boundary, in logits
    at::Tensor gradient;  // [N, ...] of lead; undefined where none was asked for
    at::Tensor fooled;    // bool [N]
    at::Tensor size;      // [N]: the point's distance from x

    [[nodiscard]] answer at(const at::Tensor& rows) const {
      return {tensor_at(lead, rows), tensor_at(gradient, rows), tensor_at(fooled, rows), tensor_at(size, rows)};
    }
  };

  template <class Model>
  [[nodiscard]] detail::nearest_points found_by(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                                const at::Tensor& rows, aim wanted) const {
    static_assert(a_classifier<Model>, "fmn: the model must map a batch at::Tensor to logits at::Tensor");
    const c10::InferenceMode with_graphs{false};
    const detail::attack_input input = detail::checked_input(name, x, y, rows, options.box);
    require_options();
    if (wanted == aim::into_ball) {
      radius_of(ball).require_valid((std::string{name} + ": the ball's radius").c_str(), x.size(0));
    }
    const untouched<std::remove_cvref_t<Model>> guard{model, x.device()};
    const at::ScalarType type = x.scalar_type();
    const at::Tensor none = input.x.new_zeros(y.sizes());
    return search([&](const at::Tensor& point) { return model(point.to(type)); }, input,
                  wanted == aim::into_ball && options.drop_fooled ? radius_of(ball).broadcast_over(none) : none);
  }

  void require_options() const {
    require(options.steps >= 1, name, ": steps must be at least 1, got ", options.steps);
    require(options.step > 0 && std::isfinite(options.step), name, ": step must be finite and positive, got ",
            options.step);
    require(options.gamma > 0 && options.gamma < 1, name, ": gamma must lie in (0, 1), got ", options.gamma);
    require(options.restarts >= 1 && options.restarts < 65536, name, ": restarts must lie in [1, 65535], got ",
            options.restarts);
  }

  [[nodiscard]] detail::nearest_points search(const classifier_view& model, const detail::attack_input& input,
                                              const at::Tensor& enough) const {
    seekers all{ball, input, detail::nearest_points::none(input.x, enough), row_numbers(input.y.size(0), input.y)};
    if (input.y.size(0) == 0) {
      return all.nearest;
    }
    all.farthest = ball.length(input.x.sub(options.box.lower.broadcast_over(input.x))
                                   .maximum(options.box.upper.broadcast_over(input.x).sub(input.x)));
    for (int restart = 0; restart < options.restarts; ++restart) {
      const at::Tensor left = all.nearest.sought().nonzero().squeeze(1);
      if (left.size(0) == 0) {
        break;
      }
      seek(model, all.at(left), restart, all.nearest);
    }
    return all.nearest;
  }

  void seek(const classifier_view& model, seekers now, int restart, detail::nearest_points& found) const {
    now.point = start(now, restart);
    now.bound = now.farthest.new_zeros(now.farthest.sizes());
    now.reached = now.farthest.new_full(now.farthest.sizes(), std::numeric_limits<double>::infinity());
    for (int step = 0; step < options.steps; ++step) {
      answer told = look(model, now, /*with_gradient=*/true);
      now.nearest.zero_gradient.logical_or_(detail::is_zero(told.gradient).logical_and_(told.fooled.logical_not()));
      const at::Tensor left = now.nearest.sought().nonzero().squeeze(1);
      if (4 * left.size(0) <= 3 * now.taken.size(0)) {
        found.put(now.taken, now.nearest);
        if (left.size(0) == 0) {
          return;
        }
        now = now.at(left);
        told = told.at(left);
      }
      move(now, told, step);
    }
    (void)look(model, now, /*with_gradient=*/false);
    found.put(now.taken, now.nearest);
  }

  [[nodiscard]] at::Tensor start(const seekers& now, int restart) const {
    if (restart == 0) {
      return now.input.x;
    }
    const Ball near = with_radius(now.ball, extent{now.nearest.distance.minimum(now.farthest)});
    const draw where{.seed = options.seed, .restart = static_cast<std::uint32_t>(restart)};
    at::Tensor d = near.sample(now.input.x, now.input.rows, where).to(now.input.x.scalar_type());
    return constrained_point(near, std::move(d), now.input.x, options.box);
  }

  // The model's answer at the point, which is kept where it fools and is the nearest.
  [[nodiscard]] answer look(const classifier_view& model, seekers& now, bool with_gradient) const {
    const at::AutoGradMode graphs{with_gradient};
    const at::Tensor leaf = with_gradient ? now.point.detach().requires_grad_() : now.point;
    const at::Tensor logits = logits_of(model, leaf);
    detail::require_labels(name, now.input.y, logits.size(1));
    const at::Tensor margins = margin{}(logits, now.input.y);
    const at::Tensor lead = options.targeted ? margins.neg() : margins;
    answer told;
    if (with_gradient) {
      told.gradient = detail::input_gradient(name, lead, logits, leaf);
    }
    const at::NoGradGuard no_gradient;
    told.size = now.ball.length(now.point.sub(now.input.x));
    told.lead = lead.detach().to(told.size.scalar_type());
    // As it is judged elsewhere where x itself fools: there is no nearer point.
    told.fooled =
        detail::clearly_fooled(logits, now.input.y, options.targeted, lead)
            .logical_or_(detail::is_fooled(logits, now.input.y, options.targeted).logical_and_(told.size.eq(0)));
    now.nearest.offer(now.point, told.size, told.fooled);
    now.reached = told.size.where(told.fooled.logical_and(told.size.lt(now.reached)), now.reached);
    return told;
  }

  void move(seekers& now, const answer& told, int step) const {
    const double left = (1 + std::cos(std::numbers::pi * step / options.steps)) / 2;
    const double gamma = options.gamma > 0.001 ? 0.001 + (options.gamma - 0.001) * left : options.gamma;
    now.bound = next_bound(now, told, gamma);
    const double length = options.step * (0.01 + 0.99 * left);
    at::Tensor d = direction(now, told.gradient).mul_(length).add_(now.point).sub_(now.input.x);
    now.point = constrained_point(with_radius(now.ball, extent{now.bound}), std::move(d), now.input.x, options.box);
  }

  // A step of one radius.
  [[nodiscard]] static at::Tensor direction(const seekers& now, const at::Tensor& gradient) {
    if constexpr (counts) {
      return now.ball.steepest(gradient);
    } else if constexpr (is_l1) {
      // Along the gradient itself, as in the paper, for the projection to choose whom it moves: steps of few elements
      // find points farther by half. A fifth of the radius is the l2 length of l1 points that move 25 elements.
      at::Tensor step = l2::steepest(gradient);
      return step.mul_(per_sample(now.bound, step)).mul_(0.2);
    } else {
      at::Tensor step = now.ball.steepest(gradient);
      return step.mul_(per_sample(now.bound, step));
    }
  }

  // The length of the gradient [N, ...] in the ball's dual norm.
  [[nodiscard]] static at::Tensor dual_length(const seekers& now, const at::Tensor& gradient) {
    const at::Tensor finite = gradient.nan_to_num(0);
    if constexpr (is_l1) {
      return linf::length(finite);
    } else {
      return now.ball.steepest(gradient).mul_(finite).flatten(1).sum(1);
    }
  }

  [[nodiscard]] at::Tensor next_bound(const seekers& now, const answer& told, double gamma) const {
    at::Tensor less = now.bound.mul(1 - gamma);
    at::Tensor more = now.bound.mul(1 + gamma);
    if constexpr (counts) {
      less = less.floor().minimum(now.bound.sub(1)).clamp_min(1);
      more = more.floor().maximum(now.bound.add(1));
    } else {
      // How far the boundary is to first order.
      const at::Tensor slope = dual_length(now, told.gradient).to(more.scalar_type());
      const at::Tensor foretold = told.size.add(told.lead.abs().div(slope.masked_fill(slope.le(0), 1)));
      more = more.where(now.reached.isfinite(), more.maximum(foretold.nan_to_num(0)));
    }
    return less.minimum(now.reached).where(told.fooled, more).minimum(now.farthest);
  }
};

template <class Ball>
fmn(Ball) -> fmn<Ball>;
template <class Ball>
fmn(Ball, fmn_options) -> fmn<Ball>;

}  // namespace redoubt

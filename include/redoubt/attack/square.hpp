#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <cstdint>
#include <limits>
#include <redoubt/attack/detail/best_points.hpp>
#include <redoubt/attack/detail/gradient.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/detail/square_l1.hpp>
#include <redoubt/attack/detail/square_l2.hpp>
#include <redoubt/attack/detail/square_linf.hpp>
#include <redoubt/attack/detail/square_window.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/loss/cross_entropy.hpp>
#include <redoubt/loss/loss_function.hpp>
#include <redoubt/loss/margin.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>

namespace redoubt {

/// Tuning of `square`. Every field has a default; set the ones you need by name.
struct square_options {
  int queries = 5000;       ///< how often a restart may ask of a sample, the clean sample included; >= 1
  double p = .8;            ///< the share of the image that the first windows cover, in (0, 1]
  int restarts = 1;         ///< independent runs; later ones attack only what no run has fooled yet; in [1, 65535]
  loss_function loss = {};  ///< climbed; empty: `margin`, and where `targeted` `cross_entropy`, descended
  redoubt::box box = {};    ///< every value of the result lies inside
  bool targeted = false;    ///< y are the labels to reach, not to leave
  std::uint64_t seed = 0;   ///< of the windows and their signs
};

/// The square attack (Andriushchenko et al. 2020, arXiv:1912.00049): a random search that needs scores and no gradient.
///
/// Over `linf`, `l2` and `l1`. Each query changes one window of the image, whose size shrinks on a schedule, and is
/// kept where it raises the loss. The model is any callable x [N, ...] -> scores [N, C], one that asks elsewhere
/// included: it runs without grad mode. Inputs [N, C, H, W] are images; of others dimension 1 is the channels, the last
/// the width, and those between the height; [N, D] is a line of one channel.
///
/// `attack(model, x, y, rows)` returns the point that fools the model, else that of the highest loss met, x among
/// them. Inputs, `rows`, guarantees and errors are those of `pgd`; all choices depend on (seed, row, restart, query)
/// alone. Samples leave the batch once they are fooled, and those that are wrong to begin with cost one query.
/// `run` also says how often the model was asked of each sample. Cost: at most `queries` forwards a restart.
template <class Ball>
struct square {
  static_assert(a_ball<Ball>, "square: the first part must be a ball (linf, l2 or l1)");
  static_assert(
      requires(const Ball& ball, const at::Tensor& t) { detail::square_moves(ball, t, t, t); },
      "square: proposes over linf, l2 and l1; for other balls there is spsa");

  Ball ball;                    ///< the perturbations that are allowed
  square_options options = {};  ///< all that can be set, each with a default

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
    static_assert(a_classifier<Model>, "square: the model must map a batch at::Tensor to logits at::Tensor");
    const c10::InferenceMode with_graphs{false};
    const at::NoGradGuard no_gradient;
    detail::attack_input input = detail::checked_input("square", x, y, rows, options.box);
    input.x = input.x.contiguous();
    require_options(x.size(0));
    const untouched<std::remove_cvref_t<Model>> guard{model, x.device()};
    const at::MemoryFormat format = x.suggest_memory_format();
    const auto of_type = [&](const at::Tensor& points) { return points.to(x.scalar_type()).contiguous(format); };
    at::Tensor queries = input.y.new_zeros(input.y.sizes());
    const detail::best_points best =
        search([&](const at::Tensor& points) { return model(of_type(points)); }, input, queries);
    return {.adversarial = of_type(best.points), .fooled = best.fooled, .queries = queries};
  }

 private:
  // The samples under attack; `taken` says where each came from.
  struct climbers {
    Ball ball;
    decltype(detail::square_moves(ball, {}, {}, {})) moves;
    loss_function loss;
    detail::attack_input input;
    at::Tensor images;  // x as [N, C, H, W]
    at::Tensor taken;
    at::Tensor points = {};  // where the climb stands,
    at::Tensor height = {};  // and how high that is
    std::int64_t asked = 0;

    [[nodiscard]] climbers at(const at::Tensor& rows) const {
      return {at_rows(ball, rows),
              at_rows(moves, rows),
              loss.at(rows),
              {tensor_at(input.x, rows), tensor_at(input.y, rows), tensor_at(input.rows, rows)},
              tensor_at(images, rows),
              tensor_at(taken, rows),
              tensor_at(points, rows),
              tensor_at(height, rows),
              asked};
    }
  };

  void require_options(std::int64_t samples) const {
    radius_of(ball).require_valid("square: the ball's radius", samples);
    require(options.queries >= 1, "square: queries must be at least 1, got ", options.queries);
    require(options.p > 0 && options.p <= 1, "square: p must lie in (0, 1], got ", options.p);
    require(options.restarts >= 1 && options.restarts < 65536, "square: restarts must lie in [1, 65535], got ",
            options.restarts);
  }

  [[nodiscard]] loss_function loss() const {
    if (options.loss) {
      return options.loss;
    }
    return options.targeted ? loss_function{cross_entropy{}} : loss_function{margin{}};
  }

  // The loss as it is climbed, and who is fooled.
  struct answer {
    at::Tensor loss;
    at::Tensor fooled;
  };

  [[nodiscard]] detail::best_points search(const classifier_view& model, const detail::attack_input& input,
                                           at::Tensor& queries) const {
    detail::best_points found = detail::best_points::none(input.x, input.y);
    if (input.x.numel() == 0) {
      return found;
    }
    const at::Tensor images = detail::as_images(input.x);
    const auto side = [&](const bound& of) {
      const at::Tensor one = input.x.narrow(0, 0, 1);
      return of.broadcast_over(one).expand_as(one).contiguous().view(images.narrow(0, 0, 1).sizes());
    };
    climbers all{ball,   detail::square_moves(ball, images, side(options.box.lower), side(options.box.upper)),
                 loss(), input,
                 images, row_numbers(input.y.size(0), input.y)};
    const answer clean = ask(model, all, input.x);
    found.offer(input.x, clean.loss, clean.fooled);
    queries.add_(all.asked);
    // Who cannot move is done: there is nothing to search.
    const at::Tensor movable = radius_of(ball).broadcast_over(input.x).flatten().gt(0);
    for (int restart = 0; restart < options.restarts; ++restart) {
      const at::Tensor left = found.fooled.logical_not().logical_and_(movable).nonzero().squeeze(1);
      if (left.size(0) == 0) {
        break;
      }
      climb(model, all.at(left), restart, found, queries);
    }
    return found;
  }

  void climb(const classifier_view& model, climbers now, int restart, detail::best_points& found,
             at::Tensor& queries) const {
    now.asked = 0;
    now.points = now.input.x.clone();
    now.height = now.points.new_full(now.input.y.sizes(), -std::numeric_limits<double>::infinity());
    draw where{.seed = options.seed, .restart = static_cast<std::uint32_t>(restart)};
    // The first restart has asked of the clean samples.
    for (int query = restart == 0 ? 1 : 0; query < options.queries; ++query, ++where.step) {
      const at::Tensor candidate = proposed(now, where);
      const answer told = ask(model, now, candidate);
      accept(now, candidate, told);
      const at::Tensor left = told.fooled.logical_not().nonzero().squeeze(1);
      if (left.size(0) < now.taken.size(0)) {
        hand_in(now.at(told.fooled.nonzero().squeeze(1)), /*fooled=*/true, found, queries);
        if (left.size(0) == 0) {
          return;
        }
        now = now.at(left);
      }
    }
    hand_in(now, /*fooled=*/false, found, queries);
  }

  // Where to ask next, inside ball and box.
  [[nodiscard]] at::Tensor proposed(const climbers& now, const draw& where) const {
    if (where.step == 0) {
      return inside(now, now.moves.start(now.images, now.input.rows, where));
    }
    const double share = detail::window_share(options.p, where.step - 1, options.queries);
    return inside(now, now.moves.propose(now.images, detail::as_images(now.points), now.input.rows, where, share));
  }

  // The points of proposed images, in ball and box.
  [[nodiscard]] at::Tensor inside(const climbers& now, const at::Tensor& images) const {
    at::Tensor points = images.view(now.input.x.sizes());
    if (!now.moves.leaves_ball()) {
      return points;
    }
    return constrained_point(now.ball, points.sub_(now.input.x), now.input.x, options.box);
  }

  [[nodiscard]] answer ask(const classifier_view& model, climbers& now, const at::Tensor& points) const {
    const at::Tensor logits = logits_of(model, points).detach();
    if (now.asked++ == 0) {
      detail::require_labels("square", now.input.y, logits.size(1));
    }
    const at::Tensor loss = now.loss(logits, now.input.y);
    require(loss.dim() == 1 && loss.size(0) == points.size(0), "square: the loss must be one number per sample [",
            points.size(0), "], got shape ", loss.sizes());
    return {options.targeted ? loss.neg() : loss, detail::is_fooled(logits, now.input.y, options.targeted)};
  }

  // Moves who gains by it. Few do: to write all points anew would take longer than to propose them.
  static void accept(climbers& now, const at::Tensor& candidate, const answer& told) {
    const at::Tensor gained = told.loss.gt(now.height).logical_or_(told.fooled).nonzero().squeeze(1);
    if (gained.size(0) > 0) {
      now.points.index_copy_(0, gained, candidate.index_select(0, gained));
      now.height.index_copy_(0, gained, told.loss.index_select(0, gained).to(now.height.scalar_type()));
    }
  }

  static void hand_in(const climbers& now, bool fooled, detail::best_points& found, at::Tensor& queries) {
    detail::best_points part = found.at(now.taken);
    part.offer(now.points, now.height, now.taken.new_full(now.taken.sizes(), fooled, at::kBool));
    found.put(now.taken, part);
    queries.index_add_(0, now.taken, now.taken.new_full(now.taken.sizes(), now.asked));
  }
};

template <class Ball>
square(Ball) -> square<Ball>;
template <class Ball>
square(Ball, square_options) -> square<Ball>;

}  // namespace redoubt

#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <redoubt/attack/any_attack.hpp>
#include <redoubt/attack/detail/gradient.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/fgsm.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/attack/square.hpp>
#include <redoubt/core/box.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/extent.hpp>
#include <redoubt/evaluate/detail/health_warnings.hpp>
#include <redoubt/evaluate/health_report.hpp>
#include <redoubt/evaluate/predict.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>
#include <type_traits>
#include <utility>

namespace redoubt {

/// Tuning of `gradient_health`. Every field has a default; set the ones you need by name.
struct health_options {
  redoubt::box box = {};                     ///< that of the attacks
  std::int64_t samples = 256;                ///< probes no more than so many, the first that the model gets right; >= 1
  int eot = 1;                               ///< gradients averaged, for randomised models; >= 1
  std::uint64_t seed = 0;                    ///< of the random draws
  std::optional<any_attack> black_box = {};  ///< tried on what PGD could not fool; empty: 50 queries of Square's
};

/// Looks for signs that a model's gradients are masked, so that attacks by gradients flatter it.
///
/// `gradient_health{linf{0.1}}(model, x, y)` -> `health_report`, also as `evaluation_options.probe`. x, y, rows, errors
/// and what is left untouched are as for `pgd`; the model is asked in the mode that it is in. The signs, after Athalye,
/// Carlini & Wagner 2018 (arXiv:1802.00420) and Carlini et al. 2019 (arXiv:1902.06705, section 5):
/// gradients of exactly zero, saturated logits, random restarts that help, queries that fool what gradients cannot, one
/// step stronger than ten or far weaker (catastrophic overfitting: Wong et al. 2020, arXiv:2001.03994), a smaller
/// radius that fools more than a larger one, for all samples together or for one at a time (the boundary is crossed and
/// crossed back: Kim, Lee & Lee 2021, arXiv:2010.01799), and gradients that have little in common with those next to
/// them. Over balls whose one step is no strong attack (l1, l0) the signs of one step are not looked for.
/// Cost: 12 gradients and 15 forwards for each sample that is probed (over l1 and l0 3 gradients more and 2 forwards
/// fewer), 20 and 55 more for at most 128 of those that PGD-10 does not fool: half of a PGD-40 on 500 samples, however
/// many are evaluated.
template <class Ball>
struct gradient_health {
  static_assert(a_ball<Ball>,
                "gradient_health: the first part must be a ball (linf, l2, or a type that meets "
                "redoubt::a_ball)");

  Ball ball;                    ///< in which the model is probed
  health_options options = {};  ///< how many samples are probed, and how

  /// What the probe finds on x [N, ...] with labels y, int64 [N]; `rows` int64 [N], default 0..N-1.
  template <class Model>
  [[nodiscard]] health_report operator()(Model&& model, const at::Tensor& x, const at::Tensor& y,
                                         const at::Tensor& rows = {}) const {
    const c10::InferenceMode with_graphs{false};
    const detail::attack_input input = detail::checked_input("gradient_health", x, y, rows, options.box);
    require(options.samples >= 1, "gradient_health: samples must be at least 1, got ", options.samples);
    require(options.eot >= 1, "gradient_health: eot must be at least 1, got ", options.eot);
    const untouched<std::remove_cvref_t<Model>> guard{model, x.device()};
    const at::ScalarType type = x.scalar_type();
    return examine([&](const at::Tensor& point) { return model(point.to(type)); }, input);
  }

 private:
  // What is probed: samples that the model gets right as they are.
  struct probed {
    Ball ball;
    detail::attack_input input;

    [[nodiscard]] probed at(const at::Tensor& chosen) const {
      return {at_rows(ball, chosen),
              {tensor_at(input.x, chosen), tensor_at(input.y, chosen), tensor_at(input.rows, chosen)}};
    }
    [[nodiscard]] std::int64_t size() const { return input.x.size(0); }
  };

  [[nodiscard]] static double share_of(const at::Tensor& flags) {
    return flags.to(at::kDouble).mean().template item<double>();
  }

  // How many of the samples that stand PGD-10 are attacked further.
  static constexpr std::int64_t followed = 128;

  // Whether one step of the radius is a strong attack, as it is where it moves all elements.
  static constexpr bool one_step_is_strong = requires(const Ball& each) { each.radius; }
  &&!requires(const Ball& each, const at::Tensor& t, const box& bounds) { each.steepest_from(t, t, bounds, 0.5); };

  [[nodiscard]] health_report examine(const classifier_view& model, const detail::attack_input& input) const {
    const at::Tensor right = judge(model, input.x, input.y).correct.nonzero().squeeze(1);
    const std::int64_t count = std::min(options.samples, right.size(0));
    health_report found{.samples = count};
    if (count == 0) {
      return found;
    }
    const probed all = probed{ball, input}.at(right.narrow(0, 0, count));
    look_at_logits(model, all, found);
    const at::Tensor gradient = gradient_at(model, all, all.input.x);
    found.zero_gradients = share_of(detail::is_zero(gradient));
    found.cosine = cosine_with_noise(model, all, gradient);
    if constexpr (one_step_is_strong) {
      walk(model, all, gradient, found);
    } else {
      step_once(model, all, found);
    }
    const at::Tensor standing = climb(model, all, found);
    query(model, all.at(standing), found);
    detail::add_health_warnings(found, one_step_is_strong);
    return found;
  }

  static void look_at_logits(const classifier_view& model, const probed& all, health_report& found) {
    const at::NoGradGuard no_gradient;
    const at::Tensor logits = logits_of(model, all.input.x);
    const at::Tensor label = logits.to(at::kFloat).log_softmax(1).gather(1, all.input.y.unsqueeze(1));
    // The gradient of the cross entropy is the label's probability less 1: where that rounds to 0 nothing is left.
    found.saturated = share_of(label.exp().eq(1));
    found.randomised = !logits.eq(logits_of(model, all.input.x)).all().template item<bool>();
  }

  // The share that the model still gets right.
  [[nodiscard]] static double standing_share(const classifier_view& model, const probed& all,
                                             const at::Tensor& points) {
    return share_of(judge(model, points, all.input.y).correct);
  }

  void step_once(const classifier_view& model, const probed& all, health_report& found) const {
    const auto under = [&](double part) {
      const fgsm attack{with_radius(all.ball, radius_of(all.ball).times(part)), {.box = options.box}};
      return standing_share(model, all, attack(model, all.input.x, all.input.y, all.input.rows));
    };
    found.fgsm = under(1);
    found.fgsm_half = under(0.5);
    found.fgsm_quarter = under(0.25);
  }

  // Along FGSM's direction, a quarter of the radius at a time: who is fooled, and who is right again further on?
  void walk(const classifier_view& model, const probed& all, const at::Tensor& gradient, health_report& found) const {
    const at::Tensor direction = all.ball.steepest(gradient);
    at::Tensor fooled = all.input.y.new_zeros(all.input.y.sizes(), at::kBool);
    at::Tensor returned = fooled;
    std::array<double, 9> accuracy{};
    for (std::size_t quarters = 1; quarters < accuracy.size(); ++quarters) {
      const extent reach = radius_of(all.ball).times(static_cast<double>(quarters) / 4);
      at::Tensor d = direction.clone();
      reach.scale_(d);
      const at::Tensor point = constrained_point(with_radius(all.ball, reach), std::move(d), all.input.x, options.box);
      const at::Tensor right = judge(model, point, all.input.y).correct;
      returned = returned.logical_or(fooled.logical_and(right));
      fooled = fooled.logical_or(right.logical_not());
      accuracy[quarters] = share_of(right);
    }
    found.fgsm_quarter = accuracy[1];
    found.fgsm_half = accuracy[2];
    found.fgsm = accuracy[4];
    found.crossed = share_of(fooled);
    found.returned = share_of(returned);
  }

  // PGD-10 from one start, then from two more: which samples stand it, of no more than `followed` that stood the first.
  [[nodiscard]] at::Tensor climb(const classifier_view& model, const probed& all, health_report& found) const {
    const auto left_after = [&](int restarts, std::uint64_t seed, const at::Tensor& left) {
      const probed some = all.at(left);
      const pgd attack{some.ball,
                       {.step = step_of(some.ball),
                        .steps = 10,
                        .restarts = restarts,
                        .box = options.box,
                        .seed = seed,
                        .drop_fooled = true,
                        .eot = options.eot}};
      const at::Tensor points = attack(model, some.input.x, some.input.y, some.input.rows);
      return left.index_select(0, judge(model, points, some.input.y).correct.nonzero().squeeze(1));
    };
    const auto share = [](const at::Tensor& part, std::int64_t of) {
      return static_cast<double>(part.size(0)) / static_cast<double>(of);
    };
    at::Tensor left = left_after(1, options.seed, row_numbers(all.size(), all.input.y));
    found.pgd = found.restarted = share(left, all.size());
    if (const std::int64_t some = std::min(followed, left.size(0)); some > 0) {
      left = left_after(2, options.seed + 1, left.narrow(0, 0, some));
      found.restarted *= share(left, some);
    }
    found.queried = found.restarted;
    return left;
  }

  [[nodiscard]] static extent step_of(const Ball& each) {
    if constexpr (one_step_is_strong) {
      return radius_of(each).times(0.25);
    } else if constexpr (requires { each.radius; }) {
      return radius_of(each);
    } else {
      return 1.0;
    }
  }

  void query(const classifier_view& model, const probed& left, health_report& found) const {
    if (left.size() == 0) {
      return;
    }
    const auto with = [&](const auto& attack) {
      const at::Tensor points = attack(model, left.input.x, left.input.y, left.input.rows);
      found.queried *= standing_share(model, left, points);
    };
    if (options.black_box) {
      with(*options.black_box);
    } else if constexpr (requires(const at::Tensor& t) { detail::square_moves(ball, t, t, t); }) {
      with(square{left.ball, {.queries = 50, .box = options.box, .seed = options.seed}});
    }
  }

  [[nodiscard]] double cosine_with_noise(const classifier_view& model, const probed& all,
                                         const at::Tensor& gradient) const {
    const at::Tensor& x = all.input.x;
    const at::Tensor noise = all.ball.sample(x, all.input.rows, {.seed = options.seed}).to(x.scalar_type());
    const at::Tensor there = gradient_at(model, all, constrained_point(all.ball, noise, x, options.box));
    const at::Tensor cosines = unit(gradient).mul(unit(there)).sum(1);
    const at::Tensor known = detail::is_zero(gradient).logical_not_();  // a gradient of zero has no direction
    return known.any().template item<bool>() ? cosines.masked_select(known).mean().template item<double>() : 1;
  }

  // Each of length 1 (or 0), in double precision: [N, D].
  [[nodiscard]] static at::Tensor unit(const at::Tensor& gradient) {
    const at::Tensor g = gradient.to(at::kDouble).flatten(1).nan_to_num(0, 0, 0);
    const at::Tensor size = g.norm(2, 1, /*keepdim=*/true);
    return g.div(size.masked_fill(size.eq(0), 1));
  }

  // The gradient of the cross entropy at the points, summed over `eot` draws of the model.
  [[nodiscard]] at::Tensor gradient_at(const classifier_view& model, const probed& all,
                                       const at::Tensor& points) const {
    const at::AutoGradMode graphs{true};
    at::Tensor sum;
    for (int turn = 0; turn < options.eot; ++turn) {
      const at::Tensor leaf = points.detach().requires_grad_();
      const at::Tensor logits = logits_of(model, leaf);
      const at::Tensor g =
          detail::input_gradient("gradient_health", cross_entropy{}(logits, all.input.y), logits, leaf);
      sum = sum.defined() ? sum.add(g) : g;
    }
    return sum;
  }
};

template <class Ball>
gradient_health(Ball) -> gradient_health<Ball>;
template <class Ball>
gradient_health(Ball, health_options) -> gradient_health<Ball>;

}  // namespace redoubt

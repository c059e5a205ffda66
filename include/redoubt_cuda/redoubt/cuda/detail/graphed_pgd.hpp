#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <map>
#include <redoubt/attack/detail/climb.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/pgd.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/attack/step_rule.hpp>
#include <redoubt/core/concepts.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/cuda/detail/captured_steps.hpp>
#include <redoubt/model/classifier.hpp>
#include <redoubt/model/untouched.hpp>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace redoubt::cuda::detail {

/// What `graphed` gives: see there. `Graph` also says by fits(device) where it works.
template <class Ball, class Rule, class Model, class Graph>
class graphed_pgd {
 public:
  graphed_pgd(pgd<Ball, Rule> attack, Model& model) : attack_{std::move(attack)}, model_{model} {
    steps_ = attack_.options;
    steps_.drop_fooled = false;  // who is dropped is asked between graphs
  }
  graphed_pgd(const graphed_pgd&) = delete;  // graphs know where its options are
  graphed_pgd& operator=(const graphed_pgd&) = delete;
  ~graphed_pgd() = default;

  [[nodiscard]] at::Tensor operator()(const at::Tensor& x, const at::Tensor& y, const at::Tensor& rows = {}) {
    return run(x, y, rows).adversarial;
  }

  /// The same, with what was noticed on the way.
  [[nodiscard]] attack_result run(const at::Tensor& x, const at::Tensor& y, const at::Tensor& rows = {}) {
    if (why_not_.empty()) {
      why_not_ = why_not(x);
      try {
        if (why_not_.empty()) {
          return replay(x, y, rows);
        }
      } catch (const not_captured& e) {
        captured_.clear();
        why_not_ = e.what();
      }
      TORCH_WARN("graphed: ", why_not_, "; the attack's steps are queued one by one");
    }
    return attack_.run(model_, x, y, rows);
  }

  /// Why the attack's steps are queued one by one; empty where they are graphs.
  [[nodiscard]] const std::string& why_not_graphed() const { return why_not_; }

 private:
  using state = redoubt::detail::climb::state;
  using best_points = redoubt::detail::best_points;

  struct not_captured : std::runtime_error {
    using std::runtime_error::runtime_error;
  };

  // A graph holds numbers, not what is asked anew for each batch.
  [[nodiscard]] std::string why_not(const at::Tensor& x) const {
    const pgd_options& o = attack_.options;
    const char* const cannot =
        radius_of(attack_.ball).is_per_sample() || o.step.is_per_sample() ? "radii or steps per sample"
        : o.transform                                                     ? "an input transform"
        : o.stop                                                          ? "a stopping rule"
        : o.loss.follows_rows()                                           ? "a loss that keeps something per sample"
        : o.start.follows_rows() && o.restarts > 1 ? "restarts from a start that keeps something per sample"
                                                   : nullptr;
    if (cannot != nullptr) {
      return std::string{"a graph cannot hold "} + cannot;
    }
    return x.defined() && !Graph::fits(x.device()) ? "there are no graphs for " + x.device().str() : std::string{};
  }

  [[nodiscard]] attack_result replay(const at::Tensor& x, const at::Tensor& y, const at::Tensor& rows) {
    const c10::InferenceMode with_graphs{false};
    const redoubt::detail::attack_input input =
        redoubt::detail::checked_input(attack_.name, x, y, rows, attack_.options.box);
    redoubt::detail::require_valid(attack_.options, radius_of(attack_.ball), attack_.name, x.size(0));
    const untouched<std::remove_cvref_t<Model>> guard{model_, x.device()};
    const at::ScalarType type = x.scalar_type();
    const classifier_view model = [this, type](const at::Tensor& point) { return model_(point.to(type)); };
    prepare(x);
    if (x.size(0) > 0) {
      redoubt::detail::require_labels(attack_.name, y, logits_of(model, input.x.narrow(0, 0, 1)).size(1));
    }
    const redoubt::detail::climb climb{steps_, {attack_.ball, attack_.rule}, attack_.name};
    attack_result found = climb.result_of(search(climb, model, input));
    found.adversarial = found.adversarial.to(type);
    return found;
  }

  // Graphs are of one kind of sample, and of batches up to the largest met.
  void prepare(const at::Tensor& x) {
    const bool same = like_.defined() && like_.sizes() == x.sizes().slice(1) && like_.dtype() == x.dtype() &&
                      like_.device() == x.device();
    if (!same || x.size(0) > largest_) {
      captured_.clear();
      largest_ = x.size(0);
      like_ = x.new_empty(x.sizes().slice(1));
    }
  }

  [[nodiscard]] best_points search(const redoubt::detail::climb& climb, const classifier_view& model,
                                   const redoubt::detail::attack_input& input) {
    best_points found = best_points::none(input.x, input.y);
    for (int restart = 0; restart < attack_.options.restarts; ++restart) {
      at::Tensor taken = found.standing();
      if (taken.size(0) == 0) {
        break;
      }
      state now{input.at(taken), {}, found.at(taken)};
      now.point = climb.start(now.input, restart);
      for (int step = 0; step < steps_.steps;) {
        const int end =
            attack_.options.drop_fooled && is_in_pieces(climb) ? std::min(step + piece, steps_.steps) : steps_.steps;
        captured(climb, model, now, step, end).take(now);
        found.put(taken, now.best);
        step = end;
        if (attack_.options.drop_fooled && step < steps_.steps) {
          const at::Tensor left = now.best.standing();
          if (left.size(0) == 0) {
            break;
          }
          taken = taken.index_select(0, left);
          now = {now.input.at(left), now.point.index_select(0, left), now.best.at(left)};
        }
      }
    }
    return found;
  }

  // A rule that remembers, or a ball that is widened, is at home in one graph only.
  [[nodiscard]] static bool is_in_pieces(const redoubt::detail::climb& climb) {
    return std::is_same_v<Rule, constant_step> && climb.is_in_one_ball();
  }

  [[nodiscard]] captured_steps<Graph>& captured(const redoubt::detail::climb& climb, const classifier_view& model,
                                                const state& now, int from, int to) {
    std::int64_t samples = largest_;
    while ((samples + 1) / 2 >= now.point.size(0) && samples > smallest) {
      samples = (samples + 1) / 2;
    }
    const std::pair key{samples, from};
    try {
      return captured_.try_emplace(key, climb, model, now, samples, from, to).first->second;
    } catch (const std::exception& e) {
      throw not_captured{std::string{"the model cannot be captured: "} + e.what()};
    }
  }

  static constexpr int piece = 10;              // steps between two looks at who is left
  static constexpr std::int64_t smallest = 16;  // samples: below, a device is no faster with fewer

  pgd<Ball, Rule> attack_;
  pgd_options steps_;
  Model& model_;
  std::string why_not_;
  std::int64_t largest_ = 0;
  at::Tensor like_;
  std::map<std::pair<std::int64_t, int>, captured_steps<Graph>> captured_;
};

}  // namespace redoubt::cuda::detail

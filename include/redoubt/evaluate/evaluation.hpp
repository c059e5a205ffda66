#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <redoubt/attack/any_attack.hpp>
#include <redoubt/attack/detail/attack_at.hpp>
#include <redoubt/attack/detail/input.hpp>
#include <redoubt/attack/result.hpp>
#include <redoubt/core/detail/fnv1a.hpp>
#include <redoubt/core/error.hpp>
#include <redoubt/core/rows.hpp>
#include <redoubt/evaluate/detail/attack_name.hpp>
#include <redoubt/evaluate/detail/outcomes.hpp>
#include <redoubt/evaluate/detail/sample_of_rows.hpp>
#include <redoubt/evaluate/detail/saved_evaluation.hpp>
#include <redoubt/evaluate/detail/summary.hpp>
#include <redoubt/evaluate/evaluation_state.hpp>
#include <redoubt/evaluate/predict.hpp>
#include <redoubt/evaluate/report.hpp>
#include <redoubt/model/classifier.hpp>
#include <string>
#include <utility>
#include <vector>

namespace redoubt {

/// Looks at some samples [M, ...] that the model gets right, with their labels and rows: `gradient_health` is one.
using health_probe = std::function<health_report(const classifier_view& model, const at::Tensor& x, const at::Tensor& y,
                                                 const at::Tensor& rows)>;

/// How `robust_accuracy` and `evaluation` go about it.
struct evaluation_options {
  std::int64_t batch = 256;                         ///< samples a batch; changes no sample's outcome; >= 1
  at::Tensor rows = {};                             ///< int64 [N]: which sample each row is; default 0..N-1
  double confidence = 0.95;                         ///< of the intervals, in (0, 1)
  std::function<void(std::int64_t)> progress = {};  ///< told how many samples are done, after each batch
  int evaluations = 1;            ///< how often each point is classified: for randomised models, see `judge`; >= 1
  bool keep_adversarial = false;  ///< whether the report holds the adversarial examples
  evaluation_state state = {};    ///< e.g. state_file("run.state"), to go on from after an interruption; empty: none
  std::string identity = {};      ///< model, attack and options in words: what a state must agree on; needed with one
  health_probe probe = {};        ///< e.g. gradient_health{linf{0.1}}; its warnings join the report's; empty: none
  std::int64_t probed = 256;      ///< how many samples the probe is shown, drawn from those that are right; >= 1
  std::string name = {};          ///< of an attack that is not made of several, in the table; empty: its own
};

/// A robust accuracy in the making: `add` takes samples shard by shard, `report` says how they all fared.
///
/// For data larger than memory: two batches and the probe's samples are held, beside 21 bytes a sample. Shards, their
/// sizes and `batch` change no sample's outcome: each is attacked under its row number, which goes on over the shards.
/// Samples that are wrong on x are not attacked; those that are right are gathered, so that the attack gets full
/// batches. The model is not owned; it is evaluated in eval mode, and every submodule's mode is put back, also after an
/// exception.
///
/// With `state` all that is known is written after each batch, whole or not at all. A later evaluation of the same
/// `identity` that is given the same samples in the same order skips what is known, and ends with the same report but
/// for its seconds. A state of another identity or of other samples is refused. Each write is of all that is known.
///
/// Cost: as `robust_accuracy`. Not for several threads at once. After an exception begin anew, from the state where
/// there is one.
///
/// A randomised model gives another answer each time. Set `evaluations` and the attack's `eot` alike (20, say), so that
/// the attack climbs what is counted: the mean probabilities. One evaluation takes a lucky draw for robustness, and
/// attacks that look often (restarts, queries) take an unlucky one for success.
class evaluation {
 public:
  /// Throws std::invalid_argument for a targeted attack and for options out of range.
  template <class Attack, class Model>
  evaluation(Attack attack, Model& model, evaluation_options options = {})
      : options_{std::move(options)}, probed_{options_.probed} {
    require_untargeted(attack);
    require_options();
    if (options_.name.empty()) {
      options_.name = detail::name_of(attack);
    }
    view_ = [&model](const at::Tensor& x) { return model(x); };
    attack_ = [attack = std::move(attack), &model](const samples& given) {
      return run_attack(detail::attack_at(attack, given.index), model, given.x, given.y, given.rows);
    };
    in_eval_mode_ = [&model](const std::function<void()>& work) {
      const eval_scope scope{model};
      work();
    };
  }

  /// Takes samples x [N, ...] with their labels y int64 [N]; `rows` int64 [N] says which sample each is, by default
  /// those that follow on the samples before. Classifies them and attacks what makes full batches.
  ///
  /// Throws std::invalid_argument for labels or rows that are not one int64 per sample, labels outside the model's
  /// classes, and what the attack throws; std::runtime_error for a state that is damaged or of another run.
  void add(const at::Tensor& x, const at::Tensor& y, const at::Tensor& rows = {}) {
    require(x.defined() && x.dim() >= 2, "evaluation: needs a batch [N, ...]");
    detail::require_label_each("evaluation", y, x.size(0));
    detail::require_row_each("evaluation", rows, x.size(0));
    const samples all{x.detach(), y, rows.defined() ? rows.to(x.device()) : row_numbers(x.size(0), y).add_(given_),
                      row_numbers(x.size(0), y).add_(given_)};
    timed([&] {
      begin(y);
      for (std::int64_t first = 0; first < x.size(0);) {
        // Not over the end of what is known, where the samples are compared with those that it is known of.
        const std::int64_t left = known_until_ > given_ ? known_until_ - given_ : x.size(0);
        const std::int64_t count = std::min({options_.batch, x.size(0) - first, left});
        take(all.part(first, count));
        first += count;
      }
    });
  }

  /// Attacks what is left, and says how all samples fared.
  ///
  /// Throws std::invalid_argument where there are none, and as `add`; std::runtime_error where a state is of more
  /// samples than were given.
  [[nodiscard]] robustness report() {
    require(given_ > 0, "evaluation: needs at least one sample");
    health_report health;
    timed([&] {
      require_known();
      while (waiting() > 0) {
        attack_waiting();
        tell();
      }
      if (options_.probe && !probed_.empty()) {
        probed_.sort();
        health = options_.probe(view_, probed_.x(), probed_.y(), probed_.rows());
      }
    });
    robustness made = detail::summary_of(known_, options_.confidence);
    made.warnings.insert(made.warnings.end(), health.warnings.begin(), health.warnings.end());
    made.health = std::move(health);
    made.seconds = seconds_;
    return made;
  }

 private:
  // Samples of one batch, and where each stands among all.
  struct samples {
    at::Tensor x, y, rows, index;

    [[nodiscard]] samples part(std::int64_t first, std::int64_t count) const {
      return {x.narrow(0, first, count), y.narrow(0, first, count), rows.narrow(0, first, count),
              index.narrow(0, first, count)};
    }
    [[nodiscard]] samples at(const at::Tensor& chosen) const {
      return {x.index_select(0, chosen), y.index_select(0, chosen), rows.index_select(0, chosen),
              index.index_select(0, chosen)};
    }
    [[nodiscard]] samples and_then(const samples& more) const {
      return x.defined() ? samples{at::cat({x, more.x}), at::cat({y, more.y}), at::cat({rows, more.rows}),
                                   at::cat({index, more.index})}
                         : more;
    }
  };

  template <class Attack>
  static void require_untargeted(const Attack& attack) {
    if constexpr (requires { attack.options.targeted; }) {
      require(!attack.options.targeted,
              "evaluation: the attack is targeted, so y would be both the labels to keep and those to reach; give an "
              "untargeted attack");
    }
  }

  // Asked before the work and not after it.
  void require_options() const {
    require(options_.batch >= 1, "evaluation: batch must be at least 1, got ", options_.batch);
    require(options_.confidence > 0 && options_.confidence < 1, "evaluation: confidence must lie in (0, 1), got ",
            options_.confidence);
    require(options_.evaluations >= 1, "evaluation: evaluations must be at least 1, got ", options_.evaluations);
    require(options_.probed >= 1, "evaluation: probed must be at least 1, got ", options_.probed);
    require(!options_.rows.defined(), "evaluation: rows are given to add, with the samples");
    require(static_cast<bool>(options_.state.read) == static_cast<bool>(options_.state.write),
            "evaluation: a state needs both its functions, read and write");
    require(options_.state.empty() || !options_.identity.empty(),
            "evaluation: a state needs an identity that says which model, attack and options it is of");
  }

  template <class Work>
  void timed(const Work& work) {
    began_ = clock::now();
    in_eval_mode_(work);
    seconds_ += since(began_);
  }

  using clock = std::chrono::steady_clock;

  static double since(clock::time_point began) { return std::chrono::duration<double>(clock::now() - began).count(); }

  // At the first samples: what is known already, on their device.
  void begin(const at::Tensor& y) {
    if (known_.labels.defined()) {
      return;
    }
    known_ = detail::outcomes::none(y);
    if (options_.state.empty()) {
      return;
    }
    if (std::optional<detail::saved_evaluation> saved = options_.state.read(y.device())) {
      if (saved->identity != identity()) {
        fail("the saved evaluation ", options_.state.name, " belongs to another run: it says ", saved->identity,
             ", this one is ", identity());
      }
      known_ = std::move(saved->known);
      known_until_ = known_.size();
      known_hash_ = saved->samples;
      seconds_ = saved->seconds;
    }
  }

  [[nodiscard]] std::string identity() const {
    return detail::in_words(options_.identity, "; evaluations ", options_.evaluations,
                            options_.keep_adversarial ? "; with adversarial examples" : "");
  }

  void require_known() const {
    if (given_ < known_until_) {
      fail("the saved evaluation ", options_.state.name, " belongs to another run: it is of ", known_until_,
           " samples and more, this one of ", given_);
    }
  }

  // Classifies a batch, unless that is known, and lets those that are right wait for the attack.
  void take(const samples& batch) {
    given_ += batch.x.size(0);
    if (!options_.state.empty()) {
      hash_ = detail::hash_of(batch.x, batch.y, batch.rows, hash_);
    }
    if (given_ > known_.size()) {
      known_.add(batch.y, judge(view_, batch.x, batch.y, options_.evaluations),
                 options_.keep_adversarial ? batch.x : at::Tensor{});
    } else if (given_ == known_until_ && hash_ != known_hash_) {
      fail("the saved evaluation ", options_.state.name, " belongs to another run: its first ", known_until_,
           " samples, labels or row numbers are others");
    }
    const at::Tensor right = known_.clean_correct.index_select(0, batch.index);
    const at::Tensor to_attack = right.logical_and(known_.attacked.index_select(0, batch.index).logical_not());
    waiting_ = waiting_.and_then(batch.at(to_attack.nonzero().squeeze(1)));
    if (options_.probe) {
      const samples eligible = batch.at(right.nonzero().squeeze(1));
      probed_.offer(eligible.x, eligible.y, eligible.rows);
    }
    while (waiting() >= options_.batch && given_ >= known_until_) {
      attack_waiting();
    }
    tell();
  }

  [[nodiscard]] std::int64_t waiting() const { return waiting_.x.defined() ? waiting_.x.size(0) : 0; }

  void attack_waiting() {
    const std::int64_t count = std::min(options_.batch, waiting());
    const samples now = waiting_.part(0, count);
    const clock::time_point began = clock::now();
    const attack_result found = attack_(now);
    const double elapsed = since(began);
    known_.record(now.index, found, judge(view_, found.adversarial, now.y, options_.evaluations), options_.name,
                  elapsed);
    waiting_ = waiting_.part(count, waiting() - count);
    if (!options_.state.empty()) {
      options_.state.write({identity(), hash_, known_, seconds_ + since(began_)});
    }
  }

  void tell() const {
    if (options_.progress) {
      options_.progress(given_ - waiting());
    }
  }

  evaluation_options options_;
  classifier_view view_;
  std::function<attack_result(const samples&)> attack_;
  std::function<void(const std::function<void()>&)> in_eval_mode_;
  detail::outcomes known_ = {};
  samples waiting_ = {};  // right as they are, and not attacked yet
  detail::sample_of_rows probed_;
  std::int64_t given_ = 0;
  std::int64_t known_until_ = 0;  // how many samples the run that was interrupted had classified
  std::uint64_t known_hash_ = 0;
  std::uint64_t hash_ = detail::fnv1a({});
  double seconds_ = 0;
  clock::time_point began_ = {};
};

}  // namespace redoubt

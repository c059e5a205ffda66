#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <redoubt/core/error.hpp>
#include <redoubt/drift/e_detector.hpp>
#include <redoubt/drift/windowed_ks.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace redoubt {

/// Tuning of `degradation_watch`, checked when one is made.
struct degradation_options {
  /// The largest error rate that is still in order, in (0, 1). Without a default: the guarantee is about this number.
  double error_limit = std::numeric_limits<double>::quiet_NaN();
  double run_length = 1e6;              ///< labelled requests until a false alarm, on average, as promised; >= 1
  windowed_ks_options two_sample = {};  ///< of each measure's test; its level is shared by all of them
  std::int64_t recent = 1000;           ///< requests for which an alarm without labels counts as evidence; >= 1
};

/// What one kind of evidence has come to.
struct evidence_state {
  std::int64_t seen = 0;        ///< requests, or labels, that it has read
  std::int64_t alarms = 0;      ///< raised so far
  double statistic = 0;         ///< of its detector; of several two-sample tests the smallest p-value
  double threshold = 0;         ///< where it alarms: above, for a p-value below
  std::int64_t last_alarm = 0;  ///< which of those seen raised the last one, from 1; 0: none
};

/// What accounts best for a degradation, so far as evidence without labels tells.
enum class degradation_cause {
  attack,  ///< requests look as if the model were attacked
  shift,   ///< requests come from another distribution than the held-out data, and do not look attacked
  unknown  ///< requests look as they did: perhaps their labels changed their meaning
};

/// The cause's name, as events spell it.
[[nodiscard]] constexpr const char* name_of(degradation_cause cause) {
  switch (cause) {
    case degradation_cause::attack:
      return "attack";
    case degradation_cause::shift:
      return "shift";
    case degradation_cause::unknown:
      return "unknown";
  }
  return "";
}

/// Which alarms one observation raised.
struct degradation_alarms {
  bool labelled = false;    ///< the one to act on: its false alarms are as rare as promised
  bool label_free = false;  ///< sooner than labels; calibrated, not guaranteed
  bool two_sample = false;  ///< the requests' distribution is another
};

/// Weighs three kinds of evidence that a served model is getting worse: labels, the look of requests to a detector that
/// knows attacks, and their distribution beside held-out data.
///
/// - labelled: `e_sr` over errors, guaranteed as that says: while the error rate is at most `error_limit`, whatever
///   else changes, at least `run_length` labels on average until an alarm.
/// - label-free: `Detector`, such as `self_attack_detector`: `update(score)`, `statistic()`, `threshold()`,
///   `resume(statistic)`. Sooner, calibrated and not guaranteed.
/// - two-sample: `windowed_ks` over each of some measures, such as `request_measures`; the level is divided by their
///   number. Notices shift of any origin; a harmless one, too.
///
/// A fall of accuracy need not be an attack, so the labelled alarm says that, and the others say why (`cause`). For one
/// thread; O(1) an observation but for the two-sample tests.
template <class Detector>
class degradation_watch {
 public:
  /// `healthy[m]` holds measure m of requests in order, e.g. of held-out samples: at least one each; no measures will
  /// do.
  ///
  /// Throws std::invalid_argument for options out of range, an error_limit that is not given, and a measure that is
  /// empty or holds a NaN.
  degradation_watch(degradation_options options, Detector label_free, const std::vector<std::vector<double>>& healthy)
      : options_{options},
        labelled_{{.healthy = options.error_limit, .run_length = options.run_length}},
        label_free_{std::move(label_free)},
        log_evidence_(labelled_.options().lambdas.size(), 0.0) {
    require(options.recent >= 1, "degradation_watch: recent must be at least 1, got ", options.recent);
    windowed_ks_options each = options.two_sample;
    each.level /= static_cast<double>(std::max<std::size_t>(1, healthy.size()));
    for (const std::vector<double>& measure : healthy) {
      two_sample_.emplace_back(measure, each);
    }
  }

  /// A request is answered: the label-free detector's score of it, and its measures, as many as `healthy` had.
  ///
  /// Throws std::invalid_argument for another number of measures, a NaN among them, and a score that the detector
  /// refuses.
  degradation_alarms see(double score, std::span<const double> measures) {
    require(measures.size() == two_sample_.size(), "degradation_watch: ", measures.size(), " measures, expected ",
            two_sample_.size());
    for (const double measure : measures) {  // before any detector has taken the request in
      require(!std::isnan(measure), "degradation_watch: a measure is not a number");
    }
    degradation_alarms raised;
    raised.label_free = note(label_free_state_, label_free_.update(score));
    alarm any = alarm::none;
    for (std::size_t m = 0; m < measures.size(); ++m) {
      if (two_sample_[m].update(measures[m]) == alarm::drift) {
        any = alarm::drift;
      }
    }
    raised.two_sample = note(two_sample_state_, any);
    return raised;
  }

  /// A label has arrived: whether the prediction was wrong.
  degradation_alarms see_label(bool wrong) {
    const double loss = wrong ? 1 : 0;
    for (std::size_t k = 0; k < log_evidence_.size(); ++k) {
      log_evidence_[k] += std::log1p(labelled_.options().lambdas[k] * (loss - options_.error_limit));
    }
    errors_ += wrong ? 1 : 0;
    return {.labelled = note(labelled_state_, labelled_.update(loss))};
  }

  /// What labelled evidence alone cannot say: whose alarm without labels is among the last `recent` requests, attack
  /// before shift.
  [[nodiscard]] degradation_cause cause() const {
    const auto lately = [&](const evidence_state& of) {
      return of.last_alarm > 0 && of.seen - of.last_alarm < options_.recent;
    };
    return lately(label_free_state_)   ? degradation_cause::attack
           : lately(two_sample_state_) ? degradation_cause::shift
                                       : degradation_cause::unknown;
  }

  /// How the evidence from labels stands.
  [[nodiscard]] evidence_state labelled() const {
    return with(labelled_state_, labelled_.statistic(), options_.run_length);
  }
  /// How the evidence from requests' looks stands.
  [[nodiscard]] evidence_state label_free() const {
    return with(label_free_state_, label_free_.statistic(), label_free_.threshold());
  }
  /// How the evidence from their distribution stands.
  [[nodiscard]] evidence_state two_sample() const {
    double smallest = 1;
    for (const windowed_ks& test : two_sample_) {
      smallest = std::min(smallest, test.statistic());
    }
    return with(two_sample_state_, smallest, two_sample_.empty() ? 0 : two_sample_.front().options().level);
  }
  /// The detector that needs no labels.
  [[nodiscard]] const Detector& label_free_detector() const { return label_free_; }
  [[nodiscard]] std::int64_t errors() const { return errors_; }  ///< among the labels seen
  /// As they were given.
  [[nodiscard]] const degradation_options& options() const { return options_; }

  /// For each of `lambdas()` the sum of log(1 + lambda (error - error_limit)) over all labels so far. Sums over
  /// replicas, less their minimum over time, are the logarithm of the pooled stream's e-CUSUM: evidence adds up without
  /// a service that pools it. Unlike the detectors it does not start afresh after an alarm.
  [[nodiscard]] const std::vector<double>& log_evidence() const { return log_evidence_; }
  /// The bets of the labelled detector.
  [[nodiscard]] const std::vector<double>& lambdas() const { return labelled_.options().lambdas; }

  /// All that has to be kept to go on after a restart, but for the two-sample windows, which fill anew.
  struct kept {
    std::vector<double> evidence = {};      ///< of the labelled detector, one a bet
    std::vector<double> log_evidence = {};  ///< as `log_evidence` gives it
    std::int64_t errors = 0;                ///< among the labels seen
    evidence_state labelled = {};           ///< as it stood
    evidence_state label_free = {};         ///< as it stood
    evidence_state two_sample = {};         ///< as it stood
  };
  /// What `resume` takes.
  [[nodiscard]] kept keep() const {
    return {labelled_.evidence(), log_evidence_, errors_, labelled(), label_free(), two_sample()};
  }
  /// Throws std::invalid_argument, and changes nothing, for what another watch kept.
  void resume(const kept& from) {
    require(from.log_evidence.size() == log_evidence_.size(), "degradation_watch: sums of ", from.log_evidence.size(),
            " bets, this has ", log_evidence_.size());
    auto labelled = labelled_;
    labelled.resume(from.evidence);
    label_free_.resume(from.label_free.statistic);
    labelled_ = std::move(labelled);
    log_evidence_ = from.log_evidence;
    errors_ = from.errors;
    labelled_state_ = from.labelled;
    label_free_state_ = from.label_free;
    two_sample_state_ = from.two_sample;
  }

 private:
  static bool note(evidence_state& of, alarm said) {
    ++of.seen;
    if (said != alarm::drift) {
      return false;
    }
    ++of.alarms;
    of.last_alarm = of.seen;
    return true;
  }

  static evidence_state with(evidence_state of, double statistic, double threshold) {
    of.statistic = statistic;
    of.threshold = threshold;
    return of;
  }

  degradation_options options_;
  e_sr labelled_;
  Detector label_free_;
  std::vector<windowed_ks> two_sample_;
  std::vector<double> log_evidence_;
  std::int64_t errors_ = 0;
  evidence_state labelled_state_;
  evidence_state label_free_state_;
  evidence_state two_sample_state_;
};

}  // namespace redoubt

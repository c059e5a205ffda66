#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <redoubt/core/error.hpp>
#include <redoubt/drift/alarm.hpp>
#include <redoubt/drift/detail/checks.hpp>
#include <utility>
#include <vector>

namespace redoubt {

/// Tuning of `e_sr` and `e_cusum`, checked when one is made.
struct e_detector_options {
  /// The largest mean of a healthy stream, for errors the highest error rate that is still in order; in (0, 1).
  /// Without a default: the guarantee is about this number, so it has to be said.
  double healthy = std::numeric_limits<double>::quiet_NaN();
  /// Bets against health, each in (0, 1 / healthy); empty: {1/16, 1/8, 1/4, 1/2, 7/8} / healthy. A bet of f / healthy
  /// gains fastest on errors whose rate went up from `healthy` by f of the way to 1.
  std::vector<double> lambdas = {};
  double run_length = 10000;  ///< a healthy stream lasts at least so many values on average until an alarm; >= 1
};

/// How an e-detector adds up its evidence.
enum class e_rule {
  shiryaev_roberts,  ///< the sum over all possible times of the change: sooner
  cusum              ///< the largest over them: rarer, and later
};

/// An e-detector: alarms on a mean above a stated limit, with a proven average run length (Shin, Ramdas, Rinaldo 2023,
/// "E-detectors: a nonparametric framework for sequential change detection", arXiv:2203.03532). Use as `e_sr` or
/// `e_cusum`.
///
/// Reads losses in [0, 1], such as 1 for an error. Each bet l multiplies its evidence by 1 + l (x - healthy):
/// e-SR: M = (M + 1) (1 + l (x - healthy));  e-CUSUM: M = max(M, 1) (1 + l (x - healthy)).
/// Alarms when the mean of M over the bets reaches `run_length`.
///
/// Guarantee: if every value's mean, given all values before it, is at most `healthy`, the expected number of values
/// until an alarm is at least `run_length`, whatever the distribution. Values need be neither independent nor
/// identically distributed. This is an average: a single healthy stream may alarm earlier. e-CUSUM never exceeds e-SR,
/// so it alarms later and its run length is longer than promised.
///
/// Throws std::invalid_argument on options out of range and on values outside [0, 1].
/// One multiplication or two a bet and value; allocates at construction only.
template <e_rule Rule>
class e_detector {
 public:
  /// Throws std::invalid_argument for options out of range.
  explicit e_detector(e_detector_options options) : options_{std::move(options)} {
    require(!std::isnan(options_.healthy), name, ": healthy has to be given: the largest mean of a healthy stream");
    detail::require_fraction(options_.healthy, name_healthy);
    detail::require_at_least(options_.run_length, 1, name_run_length);
    if (options_.lambdas.empty()) {
      for (const double share : {1.0 / 16, 1.0 / 8, 1.0 / 4, 1.0 / 2, 7.0 / 8}) {
        options_.lambdas.push_back(share / options_.healthy);
      }
    }
    for (const double lambda : options_.lambdas) {
      require(lambda > 0 && lambda < 1 / options_.healthy, name,
              ": each of lambdas must lie in (0, 1 / healthy) = (0, ", 1 / options_.healthy, "), got ", lambda);
    }
    evidence_.assign(options_.lambdas.size(), 0.0);
  }

  /// Reads the next value, in [0, 1]. Says whether it alarms; starts afresh after `drift`.
  alarm update(double loss) {
    detail::require_unit(loss, name);
    if (drifted_) {
      reset();
    }
    const double excess = loss - options_.healthy;
    double sum = 0;
    for (std::size_t k = 0; k < evidence_.size(); ++k) {
      const double held = Rule == e_rule::shiryaev_roberts ? evidence_[k] + 1 : std::max(evidence_[k], 1.0);
      evidence_[k] = held * (1 + options_.lambdas[k] * excess);
      sum += evidence_[k];
    }
    mean_ = sum / static_cast<double>(evidence_.size());
    drifted_ = mean_ >= options_.run_length;
    return drifted_ ? alarm::drift : alarm::none;
  }

  /// Forgets all values, as if newly made.
  void reset() {
    std::fill(evidence_.begin(), evidence_.end(), 0.0);
    mean_ = 0;
    drifted_ = false;
  }

  /// Goes on from evidence that was kept, one number a bet, each finite and >= 0: as if this detector had never
  /// stopped. Throws std::invalid_argument, and changes nothing, for other evidence.
  void resume(std::vector<double> evidence) {
    require(evidence.size() == options_.lambdas.size(), name, ": evidence of ", evidence.size(), " bets, this has ",
            options_.lambdas.size());
    double sum = 0;
    for (const double each : evidence) {
      require(std::isfinite(each) && each >= 0, name, ": evidence must be finite and at least 0, got ", each);
      sum += each;
    }
    evidence_ = std::move(evidence);
    mean_ = sum / static_cast<double>(evidence_.size());
    drifted_ = mean_ >= options_.run_length;
  }

  /// The mean evidence over the bets: alarms at `run_length` and above. Its logarithm is what a chart should show.
  [[nodiscard]] double statistic() const { return mean_; }
  [[nodiscard]] const std::vector<double>& evidence() const { return evidence_; }  ///< of each bet, as in lambdas
  [[nodiscard]] const e_detector_options& options() const { return options_; }     ///< with the lambdas in use

 private:
  static constexpr bool is_sr = Rule == e_rule::shiryaev_roberts;
  static constexpr const char* name = is_sr ? "e_sr" : "e_cusum";
  static constexpr const char* name_healthy = is_sr ? "e_sr: healthy" : "e_cusum: healthy";
  static constexpr const char* name_run_length = is_sr ? "e_sr: run_length" : "e_cusum: run_length";

  e_detector_options options_;
  std::vector<double> evidence_;
  double mean_ = 0;
  bool drifted_ = false;
};

using e_sr = e_detector<e_rule::shiryaev_roberts>;  ///< Shiryaev-Roberts: the sooner of the two
using e_cusum = e_detector<e_rule::cusum>;          ///< CUSUM: fewer false alarms, later

}  // namespace redoubt

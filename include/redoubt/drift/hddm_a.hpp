#pragma once

#include <cmath>
#include <cstdint>
#include <redoubt/drift/alarm.hpp>
#include <redoubt/drift/detail/checks.hpp>
#include <redoubt/drift/detail/running_mean.hpp>
#include <redoubt/drift/variant.hpp>

namespace redoubt {

/// Tuning of `hddm_a`, checked when one is made. Names and defaults are river's where it has them.
struct hddm_a_options {
  double drift_confidence = 0.001;    ///< chance of a false alarm in one comparison; in (0, 1)
  double warning_confidence = 0.005;  ///< the same for a warning; in (0, 1)
  bool two_sided_test = false;        ///< also alarm when the mean falls
  variant form = variant::river;      ///< river: ln(2 / confidence) in the bound; paper: ln(1 / confidence)
};

/// HDDM-A: the mean has risen since it was lowest, by Hoeffding's bound (Frias-Blanco et al. 2015, A-test).
///
/// Reads numbers in [0, 1], usually 1 for an error. Remembers the prefix whose mean plus bound was lowest (for falls:
/// mean less bound highest) and alarms when the whole mean lies above it by sqrt(m / 2 ln(2 / drift_confidence)),
/// m = (n - n_cut) / (n n_cut). Follows river.
///
/// The confidence is that of one comparison against a fixed cut; the test looks after every value and moves its cut, so
/// it bounds no run length. Rarely wrong in practice, and slow: the mean counts from the start.
///
/// Throws std::invalid_argument on options out of range and on values outside [0, 1].
/// O(1), no allocation.
class hddm_a {
 public:
  /// Throws std::invalid_argument for options out of range.
  explicit hddm_a(hddm_a_options options = {}) : options_{options} {
    detail::require_fraction(options.drift_confidence, "hddm_a: drift_confidence");
    detail::require_fraction(options.warning_confidence, "hddm_a: warning_confidence");
    const double sides = options.form == variant::river ? 2.0 : 1.0;
    cut_term_ = std::log(1.0 / options.drift_confidence);
    drift_term_ = std::log(sides / options.drift_confidence);
    warning_term_ = std::log(sides / options.warning_confidence);
  }

  /// Reads the next value, in [0, 1]. Says whether it alarms; starts afresh after `drift`.
  alarm update(double value) {
    detail::require_unit(value, "hddm_a");
    if (drifted_) {
      reset();
    }
    all_.add(value);
    move_cuts();
    drifted_ = rose(drift_term_);
    warned_ = !drifted_ && rose(warning_term_);
    if (options_.two_sided_test) {
      const bool fall = fell(drift_term_);
      drifted_ = drifted_ || fall;
      warned_ = warned_ || (!fall && fell(warning_term_));
    }
    return drifted_ ? alarm::drift : warned_ ? alarm::warning : alarm::none;
  }

  /// Forgets all values, as if newly made.
  void reset() {
    all_ = lowest_ = highest_ = {};
    warned_ = drifted_ = false;
  }

  /// The mean since the last start.
  [[nodiscard]] double statistic() const { return all_.mean; }

  /// With two_sided_test also true at an alarm of one side while the other warns, as river's flag is.
  [[nodiscard]] bool in_warning_zone() const { return warned_; }
  [[nodiscard]] std::int64_t count() const { return all_.count; }            ///< values since the last start
  [[nodiscard]] double mean() const { return all_.mean; }                    ///< of all of them
  [[nodiscard]] double lowest_mean() const { return lowest_.mean; }          ///< of the prefix a rise is measured from
  [[nodiscard]] std::int64_t lowest_count() const { return lowest_.count; }  ///< its length
  [[nodiscard]] double highest_mean() const { return highest_.mean; }        ///< of the prefix a fall is measured from
  [[nodiscard]] std::int64_t highest_count() const { return highest_.count; }  ///< its length
  /// As they were given.
  [[nodiscard]] const hddm_a_options& options() const { return options_; }

 private:
  void move_cuts() {
    if (all_.count == 1) {
      lowest_ = highest_ = all_;
    }
    const double bound = cut_bound(all_.count);
    if (lowest_.mean + cut_bound(lowest_.count) >= all_.mean + bound) {
      lowest_ = all_;
    }
    if (highest_.mean - cut_bound(highest_.count) <= all_.mean - bound) {
      highest_ = all_;
    }
  }

  [[nodiscard]] double cut_bound(std::int64_t count) const {
    return std::sqrt(1.0 / (2.0 * static_cast<double>(count)) * cut_term_);
  }

  [[nodiscard]] bool rose(double term) const {
    return lowest_.count != all_.count && all_.mean - lowest_.mean >= test_bound(lowest_.count, term);
  }

  [[nodiscard]] bool fell(double term) const {
    return highest_.count != all_.count && highest_.mean - all_.mean >= test_bound(highest_.count, term);
  }

  [[nodiscard]] double test_bound(std::int64_t cut, double term) const {
    const auto n = static_cast<double>(all_.count);
    const auto n_cut = static_cast<double>(cut);
    const double m = (n - n_cut) / n_cut * (1.0 / n);
    return std::sqrt(m / 2 * term);
  }

  hddm_a_options options_;
  double cut_term_ = 0;
  double drift_term_ = 0;
  double warning_term_ = 0;
  detail::running_mean all_;
  detail::running_mean lowest_;
  detail::running_mean highest_;
  bool warned_ = false;
  bool drifted_ = false;
};

}  // namespace redoubt

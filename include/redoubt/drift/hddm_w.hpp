#pragma once

#include <cmath>
#include <limits>
#include <redoubt/drift/alarm.hpp>
#include <redoubt/drift/detail/checks.hpp>
#include <redoubt/drift/variant.hpp>

namespace redoubt {

/// Tuning of `hddm_w`, checked when one is made. Names and defaults are river's where it has them.
struct hddm_w_options {
  double drift_confidence = 0.001;    ///< chance of a false alarm in one comparison; in (0, 1)
  double warning_confidence = 0.005;  ///< the same for a warning; in (0, 1)
  double lambda = 0.05;               ///< weight of the newest value: larger forgets sooner; in (0, 1)
  bool two_sided_test = false;        ///< also alarm when the mean falls
  variant form = variant::river;      ///< river: the first value's squared weight is l^2 + (1 - l)^2; paper: 1
};

/// HDDM-W: the weighted mean has risen since it was lowest, by McDiarmid's bound (Frias-Blanco et al. 2015, W-test).
///
/// Reads numbers in [0, 1], usually 1 for an error. Remembers the exponentially weighted mean whose sum with its bound
/// was lowest (for falls: mean less bound highest), starts a second mean after it, and alarms when the second exceeds
/// the first by sqrt(w / 2 ln(1 / drift_confidence)), w the sum of both means' squared weights. Follows river.
///
/// As for HDDM-A, the confidence is that of one comparison and bounds no run length. Sees abrupt changes sooner and
/// slow ones later.
///
/// Throws std::invalid_argument on options out of range and on values outside [0, 1].
/// O(1), no allocation.
class hddm_w {
 public:
  /// Throws std::invalid_argument for options out of range.
  explicit hddm_w(hddm_w_options options = {}) : options_{options} {
    detail::require_fraction(options.drift_confidence, "hddm_w: drift_confidence");
    detail::require_fraction(options.warning_confidence, "hddm_w: warning_confidence");
    detail::require_fraction(options.lambda, "hddm_w: lambda");
    drift_term_ = std::log(1.0 / options.drift_confidence);
    warning_term_ = std::log(1.0 / options.warning_confidence);
  }

  /// Reads the next value, in [0, 1]. Says whether it alarms; starts afresh after `drift`.
  alarm update(double value) {
    detail::require_unit(value, "hddm_w");
    if (drifted_) {
      reset();
    }
    add(all_, value);
    const double bound = std::sqrt(all_.squared_weights * drift_term_ / 2);
    move_cut(rise_, all_.mean + bound, value);
    move_cut(fall_, bound - all_.mean, value);

    drifted_ = above(rise_.before, rise_.after, drift_term_);
    warned_ = !drifted_ && above(rise_.before, rise_.after, warning_term_);
    if (options_.two_sided_test) {
      const bool fell = above(fall_.after, fall_.before, drift_term_);
      drifted_ = drifted_ || fell;
      warned_ = warned_ || (!fell && above(fall_.after, fall_.before, warning_term_));
    }
    return drifted_ ? alarm::drift : warned_ ? alarm::warning : alarm::none;
  }

  /// Forgets all values, as if newly made.
  void reset() {
    all_ = {};
    rise_ = fall_ = {};
    warned_ = drifted_ = false;
  }

  /// The exponentially weighted mean.
  [[nodiscard]] double statistic() const { return all_.mean; }

  /// With two_sided_test also true at an alarm of one side while the other warns, as river's flag is.
  [[nodiscard]] bool in_warning_zone() const { return warned_; }
  [[nodiscard]] double mean() const { return all_.mean; }                  ///< weighted, since the last start
  [[nodiscard]] double lowest_mean() const { return rise_.before.mean; }   ///< what a rise is measured from
  [[nodiscard]] double highest_mean() const { return fall_.before.mean; }  ///< what a fall is measured from
  /// As they were given.
  [[nodiscard]] const hddm_w_options& options() const { return options_; }

 private:
  struct weighted_mean {
    double mean = 0;
    double squared_weights = 1;  ///< sum of the squares of the values' weights
    bool empty = true;
  };

  /// The mean up to the cut, the mean since, and the level that a new cut has to undercut.
  struct cut {
    weighted_mean before;
    weighted_mean after;
    double level = std::numeric_limits<double>::infinity();
  };

  void add(weighted_mean& m, double value) const {
    const double keep = 1 - options_.lambda;
    m.mean = m.empty ? value : options_.lambda * value + keep * m.mean;
    if (!m.empty || options_.form == variant::river) {
      m.squared_weights = options_.lambda * options_.lambda + keep * keep * m.squared_weights;
    }
    m.empty = false;
  }

  void move_cut(cut& side, double level, double value) const {
    if (level < side.level) {
      side = {.before = all_, .after = {}, .level = level};
    } else {
      add(side.after, value);
    }
  }

  /// Whether `high` lies above `low` by more than chance; never while one of them has no value.
  static bool above(const weighted_mean& low, const weighted_mean& high, double term) {
    return !low.empty && !high.empty &&
           high.mean - low.mean > std::sqrt((low.squared_weights + high.squared_weights) * term / 2);
  }

  hddm_w_options options_;
  double drift_term_ = 0;
  double warning_term_ = 0;
  weighted_mean all_;
  cut rise_;
  cut fall_;
  bool warned_ = false;
  bool drifted_ = false;
};

}  // namespace redoubt

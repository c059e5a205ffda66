#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <redoubt/drift/alarm.hpp>
#include <redoubt/drift/detail/checks.hpp>
#include <redoubt/drift/detail/running_mean.hpp>

namespace redoubt {

/// Tuning of `ddm`, checked when one is made. Names and defaults are river's where it has them.
struct ddm_options {
  int warm_start = 30;             ///< no alarm within the first so many values; >= 0
  double warning_threshold = 2.0;  ///< warn so many standard deviations above the best error rate seen; > 0
  double drift_threshold = 3.0;    ///< alarm there; > warning_threshold
  /// Never believe a best error rate below one error in the values seen. Without it (the paper, river) a stream that
  /// began without a single error raises the alarm at its first one.
  bool floor = false;
};

/// DDM: the error rate has risen above the lowest it has been (Gama, Medas, Castillo, Rodrigues 2004).
///
/// Reads 1 for an error and 0 for a right answer. With p the error rate since the start and s = sqrt(p (1 - p) / n) it
/// remembers the pair whose sum was smallest and alarms when p + s > p_min + drift_threshold * s_min.
/// Follows river: compares from n > warm_start on, with a strict inequality.
///
/// No guarantee: the thresholds are those of a single look at a normal mean, but the test looks after every value and
/// against a minimum, so a stream without change raises false alarms sooner or later, often within some thousand
/// values. The rate counts from the start, so the delay grows with the age of the stream.
///
/// Throws std::invalid_argument on options out of range and on values other than 0 and 1.
/// O(1), no allocation.
class ddm {
 public:
  /// Throws std::invalid_argument for options out of range.
  explicit ddm(ddm_options options = {}) : options_{options} {
    detail::require_at_least(options.warm_start, 0, "ddm: warm_start");
    detail::require_positive(options.warning_threshold, "ddm: warning_threshold");
    detail::require_positive(options.drift_threshold, "ddm: drift_threshold");
    require(options.drift_threshold > options.warning_threshold, "ddm: drift_threshold must exceed warning_threshold (",
            options.warning_threshold, "), got ", options.drift_threshold);
  }

  /// Reads the next value, 1 for an error, else 0. Says whether it alarms; starts afresh after `drift`.
  alarm update(double error) {
    detail::require_bit(error, "ddm");
    if (last_ == alarm::drift) {
      reset();
    }
    rate_.add(error);
    if (rate_.count > options_.warm_start) {
      judge();
    }
    return last_;
  }

  /// Forgets all values, as if newly made.
  void reset() { *this = ddm{options_}; }

  /// (p + s - p_min) / s_min: how many standard deviations above its best the error rate is; 0 during the warm start.
  [[nodiscard]] double statistic() const {
    const double excess = rate_.mean + deviation(rate_.mean) - best_rate_;
    return excess > 0 ? excess / best_deviation_ : 0;
  }

  /// Whether the last value raised a warning.
  [[nodiscard]] bool in_warning_zone() const { return last_ == alarm::warning; }
  [[nodiscard]] std::int64_t count() const { return rate_.count; }         ///< values since the last start
  [[nodiscard]] double error_rate() const { return rate_.mean; }           ///< p
  [[nodiscard]] double best_rate() const { return best_rate_; }            ///< p_min; infinite during the warm start
  [[nodiscard]] double best_deviation() const { return best_deviation_; }  ///< s_min
  /// As they were given.
  [[nodiscard]] const ddm_options& options() const { return options_; }

 private:
  [[nodiscard]] double deviation(double rate) const {
    return std::sqrt(rate * (1 - rate) / static_cast<double>(rate_.count));
  }

  void judge() {
    const double level = rate_.mean + deviation(rate_.mean);
    remember_best();
    if (level > best_rate_ + options_.drift_threshold * best_deviation_) {
      last_ = alarm::drift;
    } else {
      last_ = level > best_rate_ + options_.warning_threshold * best_deviation_ ? alarm::warning : alarm::none;
    }
  }

  void remember_best() {
    const double least = options_.floor ? 1.0 / static_cast<double>(rate_.count) : 0;
    const double rate = std::max(rate_.mean, least);
    const double spread = deviation(rate);
    if (rate + spread <= best_rate_ + best_deviation_) {
      best_rate_ = rate;
      best_deviation_ = spread;
    }
  }

  ddm_options options_;
  detail::running_mean rate_;
  double best_rate_ = std::numeric_limits<double>::infinity();
  double best_deviation_ = 0;
  alarm last_ = alarm::none;
};

}  // namespace redoubt

#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <redoubt/drift/alarm.hpp>
#include <redoubt/drift/detail/checks.hpp>
#include <redoubt/drift/detail/running_mean.hpp>
#include <redoubt/drift/direction.hpp>

namespace redoubt {

/// Tuning of `page_hinkley`, checked when one is made. Names and defaults are river's where it has them.
struct page_hinkley_options {
  int min_instances = 30;            ///< no alarm before so many values; >= 1
  double delta = 0.005;              ///< change of mean that is tolerated, in units of the values; >= 0
  double threshold = 50.0;           ///< alarm above so much accumulated change, in units of the values; > 0
  double alpha = 1 - 0.0001;         ///< what a step keeps of the accumulated change; in (0, 1]
  direction mode = direction::both;  ///< the change that alarms
};

/// Page-Hinkley: the values have moved away from their running mean (Page 1954, with a mean learnt on the way).
///
/// Reads finite numbers of any unit. With m_t the mean of all values including x_t it keeps
/// U_t = alpha U + x_t - m_t - delta and D_t = alpha D + x_t - m_t + delta, and alarms when U_t - min U > threshold
/// (the mean rose) or max D - D_t > threshold (it fell). Gives river's alarms.
///
/// No guarantee: how long a stream without change lasts until a false alarm depends on its spread; `threshold` is in
/// the unit of the values and has to be chosen for it (the default is high for error bits: they need hundreds of
/// values).
///
/// Throws std::invalid_argument on options out of range and on values that are not finite.
/// O(1), no allocation.
class page_hinkley {
 public:
  /// Throws std::invalid_argument for options out of range.
  explicit page_hinkley(page_hinkley_options options = {}) : options_{options} {
    detail::require_at_least(options.min_instances, 1, "page_hinkley: min_instances");
    detail::require_at_least(options.delta, 0, "page_hinkley: delta");
    detail::require_positive(options.threshold, "page_hinkley: threshold");
    require(options.alpha > 0 && options.alpha <= 1, "page_hinkley: alpha must lie in (0, 1], got ", options.alpha);
  }

  /// Reads the next value. Says whether it alarms; starts afresh after `drift`.
  alarm update(double value) {
    detail::require_finite(value, "page_hinkley");
    if (drifted_) {
      reset();
    }
    mean_.add(value);
    const double away = value - mean_.mean;
    up_ = options_.alpha * up_ + away - options_.delta;
    down_ = options_.alpha * down_ + away + options_.delta;
    lowest_up_ = std::min(lowest_up_, up_);
    highest_down_ = std::max(highest_down_, down_);
    drifted_ = mean_.count >= options_.min_instances && statistic() > options_.threshold;
    return drifted_ ? alarm::drift : alarm::none;
  }

  /// Forgets all values, as if newly made.
  void reset() { *this = page_hinkley{options_}; }

  /// The accumulated change in the direction(s) of `mode`: alarms above `threshold`.
  [[nodiscard]] double statistic() const {
    if (mean_.count == 0) {
      return 0;
    }
    const double rise = up_ - lowest_up_;
    const double fall = highest_down_ - down_;
    return options_.mode == direction::up ? rise : options_.mode == direction::down ? fall : std::max(rise, fall);
  }

  [[nodiscard]] std::int64_t count() const { return mean_.count; }  ///< values since the last start
  [[nodiscard]] double mean() const { return mean_.mean; }          ///< of the values since the last start
  /// As they were given.
  [[nodiscard]] const page_hinkley_options& options() const { return options_; }

 private:
  page_hinkley_options options_;
  detail::running_mean mean_;
  double up_ = 0;
  double down_ = 0;
  double lowest_up_ = std::numeric_limits<double>::infinity();
  double highest_down_ = -std::numeric_limits<double>::infinity();
  bool drifted_ = false;
};

}  // namespace redoubt

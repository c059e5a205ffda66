#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <redoubt/drift/alarm.hpp>
#include <redoubt/drift/detail/checks.hpp>
#include <redoubt/drift/direction.hpp>

namespace redoubt {

/// Tuning of `cusum`, checked when one is made.
struct cusum_options {
  double target = 0;                 ///< mean of a healthy stream; finite
  double slack = 0.5;                ///< change of mean that is tolerated: half of the change to be found; >= 0
  double threshold = 5;              ///< alarm above so much accumulated change; > 0
  direction mode = direction::both;  ///< the change that alarms
};

/// CUSUM: the values have moved away from a stated mean (Page 1954).
///
/// Reads finite numbers of any unit, the unit of all three options; the defaults suit values of deviation 1. Keeps
/// U = max(0, U + x - target - slack) and D = max(0, D + target - x - slack); alarms when the one that `mode` names is
/// above `threshold`. Unlike Page-Hinkley it learns nothing, so a slow decline cannot hide in a mean that follows it.
///
/// Among all tests with its average run length it has the least worst-case delay (Moustakides 1986), if the values are
/// independent and x - target - slack is proportional to their log-likelihood ratio. The run length itself depends on
/// the distribution: there is no guarantee that holds for all; see e_cusum for one.
///
/// Throws std::invalid_argument on options out of range and on values that are not finite.
/// O(1), no allocation.
class cusum {
 public:
  /// Throws std::invalid_argument for options out of range.
  explicit cusum(cusum_options options = {}) : options_{options} {
    require(std::isfinite(options.target), "cusum: target must be a finite number, got ", options.target);
    detail::require_at_least(options.slack, 0, "cusum: slack");
    detail::require_positive(options.threshold, "cusum: threshold");
  }

  /// Reads the next value. Says whether it alarms; starts afresh after `drift`.
  alarm update(double value) {
    detail::require_finite(value, "cusum");
    if (drifted_) {
      reset();
    }
    ++count_;
    const double away = value - options_.target;
    up_ = std::max(0.0, up_ + away - options_.slack);
    down_ = std::max(0.0, down_ - away - options_.slack);
    drifted_ = statistic() > options_.threshold;
    return drifted_ ? alarm::drift : alarm::none;
  }

  /// Forgets all values, as if newly made.
  void reset() {
    up_ = down_ = 0;
    count_ = 0;
    drifted_ = false;
  }

  /// Goes on from sums that were kept, each finite and >= 0: as if this detector had never stopped. Throws
  /// std::invalid_argument, and changes nothing, for others.
  void resume(double rise, double fall, std::int64_t count) {
    for (const double sum : {rise, fall}) {
      require(std::isfinite(sum) && sum >= 0, "cusum: a sum must be finite and at least 0, got ", sum);
    }
    up_ = rise;
    down_ = fall;
    count_ = count;
    drifted_ = statistic() > options_.threshold;
  }

  /// The accumulated change in the direction(s) of `mode`: alarms above `threshold`.
  [[nodiscard]] double statistic() const {
    return options_.mode == direction::up ? up_ : options_.mode == direction::down ? down_ : std::max(up_, down_);
  }

  [[nodiscard]] std::int64_t count() const { return count_; }  ///< values since the last start
  [[nodiscard]] double rise() const { return up_; }            ///< U
  [[nodiscard]] double fall() const { return down_; }          ///< D
  /// As they were given.
  [[nodiscard]] const cusum_options& options() const { return options_; }

 private:
  cusum_options options_;
  std::int64_t count_ = 0;
  double up_ = 0;
  double down_ = 0;
  bool drifted_ = false;
};

}  // namespace redoubt

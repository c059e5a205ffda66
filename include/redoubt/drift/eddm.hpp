#pragma once

#include <cmath>
#include <cstdint>
#include <redoubt/drift/alarm.hpp>
#include <redoubt/drift/detail/checks.hpp>
#include <redoubt/drift/detail/running_mean.hpp>
#include <redoubt/drift/variant.hpp>

namespace redoubt {

/// Tuning of `eddm`, checked when one is made. Names and defaults are river's where it has them.
struct eddm_options {
  int warm_start = 30;            ///< no alarm within the first so many values and the first so many errors; >= 0
  double alpha = 0.95;            ///< warn below this share of the greatest level seen; in (0, 1], >= beta
  double beta = 0.9;              ///< alarm below this share; in (0, 1]
  variant form = variant::river;  ///< river: sample deviation (n - 1); paper: population deviation (n)
};

/// EDDM: errors have come closer together than they were (Baena-Garcia et al. 2006).
///
/// Reads 1 for an error and 0 for a right answer. With m and s the mean and deviation of the distances between errors,
/// it remembers the greatest m + 2 s and alarms when the present one is below beta times that. Follows river: the first
/// distance counts from the start, the level is judged at errors only, and a warning lasts until an error clears it.
///
/// No guarantee, and eager: with the defaults a stream without change raises an alarm every few hundred values. Use it
/// to see slow changes early where a false alarm is cheap.
///
/// Throws std::invalid_argument on options out of range and on values other than 0 and 1.
/// O(1), no allocation.
class eddm {
 public:
  /// Throws std::invalid_argument for options out of range.
  explicit eddm(eddm_options options = {}) : options_{options} {
    detail::require_at_least(options.warm_start, 0, "eddm: warm_start");
    require(options.beta > 0 && options.beta <= 1, "eddm: beta must lie in (0, 1], got ", options.beta);
    require(options.alpha >= options.beta && options.alpha <= 1, "eddm: alpha must lie in [beta, 1] = [", options.beta,
            ", 1], got ", options.alpha);
  }

  /// Reads the next value, 1 for an error, else 0. Says whether it alarms; starts afresh after `drift`.
  alarm update(double error) {
    detail::require_bit(error, "eddm");
    if (drifted_) {
      reset();
    }
    ++count_;
    if (error == 1) {
      distances_.add(static_cast<double>(count_ - last_error_));
      last_error_ = count_;
      if (count_ > options_.warm_start) {
        judge();
      }
    }
    return drifted_ ? alarm::drift : warned_ ? alarm::warning : alarm::none;
  }

  /// Forgets all values, as if newly made.
  void reset() { *this = eddm{options_}; }

  /// The present m + 2 s as a share of the greatest seen: below alpha it warns, below beta it alarms; 1 at first.
  [[nodiscard]] double statistic() const { return greatest_ > 0 && errors() > 0 ? level() / greatest_ : 1; }

  /// Also true at an alarm that a warning preceded, as river's flag is.
  [[nodiscard]] bool in_warning_zone() const { return warned_; }
  [[nodiscard]] std::int64_t count() const { return count_; }                   ///< values since the last start
  [[nodiscard]] std::int64_t errors() const { return distances_.first.count; }  ///< errors since the last start
  [[nodiscard]] double mean_distance() const { return distances_.first.mean; }  ///< values from one error to the next
  [[nodiscard]] double greatest_level() const { return greatest_; }             ///< greatest m + 2 s; -1 at first
  /// As they were given.
  [[nodiscard]] const eddm_options& options() const { return options_; }

 private:
  [[nodiscard]] double level() const {
    const std::int64_t freedom = options_.form == variant::river ? errors() - 1 : errors();
    const double spread = freedom > 0 ? std::sqrt(distances_.squared_deviations / static_cast<double>(freedom)) : 0;
    return mean_distance() + 2 * spread;
  }

  void judge() {
    const double present = level();
    if (present > greatest_) {
      greatest_ = present;
    } else if (errors() > options_.warm_start) {
      const double share = present / greatest_;
      drifted_ = share < options_.beta;
      warned_ = drifted_ ? warned_ : share < options_.alpha;
    }
  }

  eddm_options options_;
  detail::running_moments distances_;
  std::int64_t count_ = 0;
  std::int64_t last_error_ = 0;
  double greatest_ = -1;
  bool warned_ = false;
  bool drifted_ = false;
};

}  // namespace redoubt

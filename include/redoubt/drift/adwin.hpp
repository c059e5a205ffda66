#pragma once

#include <cmath>
#include <cstdint>
#include <redoubt/drift/alarm.hpp>
#include <redoubt/drift/detail/bucket_window.hpp>
#include <redoubt/drift/detail/checks.hpp>

namespace redoubt {

/// What ADWIN does with its window once it has raised an alarm.
enum class after_alarm {
  restart,   ///< forget everything at the next value (river): one alarm a change
  keep_tail  ///< go on with the part after the change (Bifet & Gavalda): alarms again while old values drain away
};

/// Tuning of `adwin`, checked when one is made. Names and defaults are river's where it has them.
struct adwin_options {
  double delta = 0.002;       ///< chance of a false cut, a check (see below); in (0, 1)
  int clock = 32;             ///< check every so many values; 1 finds changes soonest and costs most; >= 1
  int max_buckets = 5;        ///< buckets of each size before two are merged: more is finer and slower; >= 1
  int min_window_length = 5;  ///< neither side of a cut is shorter; >= 1
  int grace_period = 10;      ///< no check until the window is longer than this; >= 0
  after_alarm on_alarm = after_alarm::restart;  ///< what happens to the window at an alarm
};

/// ADWIN: a window that grows while its values agree and drops its past when they do not (Bifet & Gavalda 2007).
///
/// Reads finite numbers. Every `clock` values it compares the means of the older and the newer part at every border of
/// its exponential histogram, and drops the oldest bucket while two of them differ by more than
/// sqrt(2 m v L) + 2/3 m L, where v is the window's variance, L = ln(2 ln(W) / delta) and m the sum of the reciprocal
/// lengths (each less min_window_length - 1). Any drop is an alarm. Same alarms as river 0.26; older ports skip the
/// last border of each size and alarm later.
///
/// The theorem of the paper is for another, larger bound: with values in [0, 1] and a constant mean each step shrinks
/// the window with probability at most delta. So delta is a rate a step, not an average run length, and the bound used
/// here (the paper's normal approximation, as in every implementation) only approximates even that.
///
/// Throws std::invalid_argument on options out of range and on values that are not finite.
/// Memory and a check are O(max_buckets * log(width)); allocates only when the width first passes a power of two.
class adwin {
 public:
  /// Throws std::invalid_argument for options out of range.
  explicit adwin(adwin_options options = {})
      : options_{checked(options)}, window_{options.max_buckets}, until_check_{options.clock} {}

  /// Reads the next value. Says whether it alarms; starts afresh after `drift`.
  alarm update(double value) {
    detail::require_finite(value, "adwin");
    if (drifted_ && options_.on_alarm == after_alarm::restart) {
      reset();
    }
    window_.push(value);
    drifted_ = false;
    if (--until_check_ == 0) {
      until_check_ = options_.clock;
      drifted_ = window_.width() > options_.grace_period && shrink();
    }
    return drifted_ ? alarm::drift : alarm::none;
  }

  /// Forgets all values, as if newly made.
  void reset() {
    window_.clear();
    until_check_ = options_.clock;
    drifted_ = false;
  }

  /// The mean of the window.
  [[nodiscard]] double statistic() const { return mean(); }
  [[nodiscard]] std::int64_t width() const { return window_.width(); }  ///< values in the window
  [[nodiscard]] double sum() const { return window_.sum(); }            ///< of the values in the window
  /// The mean of the window; 0 while it is empty.
  [[nodiscard]] double mean() const { return width() > 0 ? sum() / static_cast<double>(width()) : 0; }
  /// Population variance of the window, up to what merging and dropping buckets lost.
  [[nodiscard]] double variance() const {
    return width() > 0 ? window_.squared_deviations() / static_cast<double>(width()) : 0;
  }
  /// As they were given.
  [[nodiscard]] const adwin_options& options() const { return options_; }

 private:
  static const adwin_options& checked(const adwin_options& options) {
    detail::require_fraction(options.delta, "adwin: delta");
    detail::require_at_least(options.clock, 1, "adwin: clock");
    detail::require_at_least(options.max_buckets, 1, "adwin: max_buckets");
    detail::require_at_least(options.min_window_length, 1, "adwin: min_window_length");
    detail::require_at_least(options.grace_period, 0, "adwin: grace_period");
    return options;
  }

  bool shrink() {
    bool shrunk = false;
    while (parts_differ()) {
      window_.drop_oldest();
      shrunk = true;
    }
    return shrunk;
  }

  /// The comparison above, multiplied by what it divides by and squared: no division and no root a border.
  [[nodiscard]] bool parts_differ() const {
    const auto width = static_cast<double>(window_.width());
    const double shortest = options_.min_window_length;
    const double log_term = std::log(2 * std::log(width) / options_.delta);
    const double lengths = width - 2 * shortest + 2;
    const double linear = 2.0 / 3.0 * log_term * lengths;
    const double quadratic = 2 * variance() * log_term * lengths;

    return window_.any_border([&](double older, double older_sum) {
      const double newer = width - older;
      if (older < shortest || newer < shortest) {
        return false;
      }
      const double product = older * newer;
      const double trimmed = (older - shortest + 1) * (newer - shortest + 1);
      const double gap = std::abs(older_sum * width - window_.sum() * older);
      const double excess = gap * trimmed - linear * product;
      return excess > 0 && excess * excess > quadratic * trimmed * product * product;
    });
  }

  adwin_options options_;
  detail::bucket_window window_;
  int until_check_;
  bool drifted_ = false;
};

}  // namespace redoubt

#pragma once

#include <cstddef>
#include <cstdint>
#include <redoubt/core/error.hpp>
#include <redoubt/drift/alarm.hpp>
#include <redoubt/drift/detail/checks.hpp>
#include <redoubt/drift/ks_test.hpp>
#include <span>
#include <utility>
#include <vector>

namespace redoubt {

/// Tuning of `windowed_ks`, checked when one is made.
struct windowed_ks_options {
  std::size_t window = 200;  ///< newest values that are compared with the reference; >= 1
  std::size_t stride = 50;   ///< values between two tests; >= 1
  double level = 1e-6;       ///< alarms at a p-value below it; in (0, 1)
};

/// The newest values against a reference sample, again and again: a Kolmogorov-Smirnov test (`ks_test`) every `stride`
/// values, once a whole window is there.
///
/// Reads any number but NaN. It knows no change of a mean in particular: any difference of the distributions counts.
/// One test has its level exactly; their sequence has none that is guaranteed, as windows overlap. With independent
/// tests a false alarm would come once in stride / level values (5e7 by default). After an alarm the window fills anew.
///
/// Throws std::invalid_argument on options out of range, on an empty reference or a NaN.
/// A value costs O(1), a test what `ks_test` costs: about a millisecond for 200 values against 3,000.
class windowed_ks {
 public:
  /// `reference` holds values in any order, at least one; throws std::invalid_argument otherwise.
  explicit windowed_ks(std::vector<double> reference, windowed_ks_options options = {})
      : options_{options}, reference_{detail::sorted_sample(reference, "the reference")} {
    require(options.window >= 1 && options.stride >= 1, "windowed_ks: window and stride must be at least 1, got ",
            options.window, " and ", options.stride);
    detail::require_fraction(options.level, "windowed_ks: level");
    recent_.reserve(options.window);
  }

  /// Reads the next value. Says whether it alarms; starts afresh after `drift`.
  alarm update(double value) {
    require(value == value, "windowed_ks: got a NaN");
    if (drifted_) {
      reset();
    }
    if (recent_.size() < options_.window) {
      recent_.push_back(value);
    } else {
      recent_[oldest_] = value;
      oldest_ = (oldest_ + 1) % options_.window;
    }
    if (++seen_ % options_.stride == 0 && recent_.size() == options_.window) {
      p_value_ = ks_test(recent_, reference_).p_value;
      drifted_ = p_value_ < options_.level;
    }
    return drifted_ ? alarm::drift : alarm::none;
  }

  /// Forgets all values, as if newly made.
  void reset() {
    recent_.clear();
    oldest_ = 0;
    seen_ = 0;
    p_value_ = 1;
    drifted_ = false;
  }

  /// The last test's p-value, 1 before the first: alarms below `level`.
  [[nodiscard]] double statistic() const { return p_value_; }
  /// As they were given.
  [[nodiscard]] const windowed_ks_options& options() const { return options_; }

 private:
  windowed_ks_options options_;
  std::vector<double> reference_;
  std::vector<double> recent_;  // a ring, once it is full: the test does not ask for an order
  std::size_t oldest_ = 0;
  std::size_t seen_ = 0;
  double p_value_ = 1;
  bool drifted_ = false;
};

}  // namespace redoubt

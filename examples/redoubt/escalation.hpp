#pragma once

#include <cstdint>
#include <optional>

namespace redoubt::program {

struct escalation_options {
  double cool_down = 3600;            ///< seconds after a retraining in which no alarm is reported
  double retraining_timeout = 21600;  ///< seconds after which a retraining of which nothing was heard counts as ended
};

/// When an alarm is reported, and when not: one retraining at a time, and a pause after each.
///
/// Times are seconds since 1970, so that what is kept means the same after a restart.
class escalation {
 public:
  explicit escalation(escalation_options options) : options_{options} {}

  /// Whether to report an alarm that came at `now`. If so, a retraining is in flight from then on.
  [[nodiscard]] bool raise(double now) {
    if (in_flight(now) || now < quiet_until_) {
      return false;
    }
    began_ = now;
    ++reported_;
    return true;
  }

  /// The retraining has ended, whatever it led to. Nothing, where none is in flight.
  void finished(double now) {
    if (began_) {
      began_.reset();
      quiet_until_ = now + options_.cool_down;
    }
  }

  [[nodiscard]] bool in_flight(double now) {
    if (began_ && now - *began_ >= options_.retraining_timeout) {
      finished(now);
    }
    return began_.has_value();
  }

  struct kept {
    std::optional<double> began = {};
    double quiet_until = 0;
    std::int64_t reported = 0;
  };
  [[nodiscard]] kept keep() const { return {began_, quiet_until_, reported_}; }
  void resume(const kept& from) {
    began_ = from.began;
    quiet_until_ = from.quiet_until;
    reported_ = from.reported;
  }

  [[nodiscard]] std::int64_t reported() const { return reported_; }  ///< alarms so far, those kept included

 private:
  escalation_options options_;
  std::optional<double> began_;
  double quiet_until_ = 0;
  std::int64_t reported_ = 0;
};

}  // namespace redoubt::program

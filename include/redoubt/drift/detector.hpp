#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <redoubt/drift/alarm.hpp>
#include <span>

namespace redoubt {

/// A streaming detector: a value type that reads one number at a time.
///
/// `update(x)` throws std::invalid_argument, and leaves the detector as it was, on a number that it cannot read.
/// `statistic()` is the number the detector watches, for a chart beside the stream; each detector says which.
/// A copy is a saved state. A detector that has said `drift` keeps what it saw for inspection and starts afresh at the
/// next update (each says where it differs); `reset()` starts afresh at once. Not for several threads at once.
template <class Detector>
concept a_detector = std::copyable<Detector> && requires(Detector detector, const Detector& seen, double value) {
  { detector.update(value) } -> std::same_as<alarm>;
  { detector.reset() } -> std::same_as<void>;
  { seen.statistic() } -> std::same_as<double>;
};

/// Feeds `values` to `detector` until it says `drift`; returns the 0-based index of that value, or nothing.
///
/// Values after the alarm are not read, so the detector can be asked what it saw. Throws what `update` throws.
template <a_detector Detector>
[[nodiscard]] std::optional<std::size_t> first_drift(Detector& detector, std::span<const double> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (detector.update(values[i]) == alarm::drift) {
      return i;
    }
  }
  return std::nullopt;
}

}  // namespace redoubt

#pragma once

namespace redoubt {

/// What a streaming detector says after a value.
///
/// Detectors without a warning zone only ever say `none` and `drift`.
enum class alarm {
  none,     ///< nothing
  warning,  ///< a change may be coming
  drift     ///< the stream has changed
};

}  // namespace redoubt

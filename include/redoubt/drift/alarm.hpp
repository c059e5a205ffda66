#pragma once

namespace redoubt {

/// What a streaming detector says after a value: nothing, "a change may be coming", or "the stream has changed".
///
/// Detectors without a warning zone only ever say `none` and `drift`.
enum class alarm { none, warning, drift };

}  // namespace redoubt

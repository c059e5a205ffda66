#pragma once

namespace redoubt {

/// The change of mean that a detector looks for.
enum class direction {
  up,    ///< it rises
  down,  ///< it falls
  both   ///< either
};

}  // namespace redoubt

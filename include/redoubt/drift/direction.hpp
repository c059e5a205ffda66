#pragma once

namespace redoubt {

/// The change of mean that a detector looks for.
enum class direction { up, down, both };

}  // namespace redoubt

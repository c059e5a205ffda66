#pragma once

namespace redoubt {

/// Whose formula a detector follows where the Python library river and the paper differ; each detector says in what.
enum class variant {
  river,  ///< the library's
  paper   ///< the paper's
};

}  // namespace redoubt

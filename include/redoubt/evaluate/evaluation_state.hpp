#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <optional>
#include <redoubt/evaluate/detail/saved_evaluation.hpp>
#include <string>

namespace redoubt {

/// Where an `evaluation` keeps what it knows, to go on from it after an interruption: `state_file` makes one.
///
/// Both functions or none; what they throw ends the evaluation.
struct evaluation_state {
  std::string name = {};  ///< what error messages call it: the file
  /// What was written last, its tensors on `device`; nothing where nothing was.
  std::function<std::optional<detail::saved_evaluation>(const at::Device& device)> read = {};
  /// Keeps it, whole or not at all.
  std::function<void(const detail::saved_evaluation&)> write = {};

  /// Whether nothing is kept.
  [[nodiscard]] bool empty() const { return !write; }
};

}  // namespace redoubt

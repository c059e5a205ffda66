#pragma once

#include <sstream>
#include <stdexcept>

namespace redoubt {

/// Throws std::runtime_error whose message is `pieces` written one after the other.
///
/// For what goes wrong outside the caller's hands: files, formats, states. See `require` for arguments.
template <class... Pieces>
[[noreturn]] void fail(const Pieces&... pieces) {
  std::ostringstream message;
  (message << ... << pieces);
  throw std::runtime_error(message.str());
}

/// Throws std::invalid_argument whose message is `pieces` written one after the other, unless `condition` holds.
///
/// For arguments: the message names the function, the offending value and what would be right.
/// Costs one branch when the condition holds; the pieces are only written on failure.
template <class... Pieces>
void require(bool condition, const Pieces&... pieces) {
  if (condition) [[likely]] {
    return;
  }
  std::ostringstream message;
  (message << ... << pieces);
  throw std::invalid_argument(message.str());
}

}  // namespace redoubt

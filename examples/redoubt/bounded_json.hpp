#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace redoubt::program {

/// JSON that anybody may have sent: at most 64 deep, so that no recursion over it can exhaust the stack, and of at most
/// a million values. `what` names it in errors.
///
/// Throws std::invalid_argument for what is no JSON, or more of it.
[[nodiscard]] nlohmann::json parse_bounded(std::string_view text, std::string_view what);

}  // namespace redoubt::program

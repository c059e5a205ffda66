#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace redoubt::program {

/// The bytes that `text` stands for in base64 (RFC 4648, with or without padding); nothing where it is none.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace redoubt::program

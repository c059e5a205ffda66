#pragma once

#include <algorithm>
#include <cctype>
#include <string>

namespace redoubt::program {

/// The text in lower case: names of headers mean the same in any.
[[nodiscard]] inline std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace redoubt::program

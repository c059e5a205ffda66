#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace redoubt::program {

/// The entry of `known` that `word` most likely meant: fewest edits (insert, drop, replace, swap), at most a third of
/// the word's length; the first of equals. Empty where nothing is near.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace redoubt::program

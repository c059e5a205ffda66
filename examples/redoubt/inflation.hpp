#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace redoubt::program {

enum class inflation { fits, too_large, damaged };

/// What comes of inflating gzip or zlib data, which lies in `parts`, to at most `most` bytes: a megabyte may inflate to
/// a gigabyte. Keeps none of it, and stops where it is too large.
[[nodiscard]] inflation try_inflation(const std::vector<std::string_view>& parts, std::size_t most);

}  // namespace redoubt::program

#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace redoubt::program {

/// Whether gzip or zlib data, which lies in `parts`, inflates to more than `most` bytes: a megabyte may to a gigabyte.
/// What is damaged counts as far as it goes. Keeps none of it, and stops at `most`.
[[nodiscard]] bool inflates_beyond(const std::vector<std::string_view>& parts, std::size_t most);

}  // namespace redoubt::program

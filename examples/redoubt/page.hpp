#pragma once

#include "png.hpp"

#include <cstdint>
#include <string>
#include <string_view>

// What the report pages are put together of. Words are taken as HTML: `escaped` what comes from outside.

namespace redoubt::program {

/// A page that opens from a file: the style sheet inside, no script, nothing fetched. Light and dark.
[[nodiscard]] std::string page(const std::string& title, const std::string& body);

[[nodiscard]] std::string section(std::string_view title, const std::string& finding, const std::string& body);

/// A figure in large letters, with what it is below.
[[nodiscard]] std::string figure_tile(const std::string& value, const std::string& words, std::string_view css);

/// Two charts of the same, for a narrow and for a wide page; the page shows one of them.
[[nodiscard]] std::string at_both_widths(const std::string& narrow, const std::string& wide);

/// A picture with its caption; a dash where there is no picture.
[[nodiscard]] std::string shown(const picture& image, colouring look, const std::string& caption);

/// "1 label", "1,234 labels".
[[nodiscard]] std::string plural(std::int64_t count, const std::string& thing);

}  // namespace redoubt::program

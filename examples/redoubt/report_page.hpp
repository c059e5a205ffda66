#pragma once

#include "loop_report.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace redoubt::program {

/// A page that opens from a file: HTML with inline SVG and pictures, no script, nothing fetched. Light and dark.
[[nodiscard]] std::string report_page(const loop_report& report);

/// The page's chart of accuracy over requests as an SVG file of its own, light and dark.
[[nodiscard]] std::string accuracy_picture(const loop_report& report);

/// The same for a terminal: at most 80 columns of ASCII.
[[nodiscard]] std::string report_table(const loop_report& report);

/// The same for programs; null for what did not happen or is not built.
[[nodiscard]] nlohmann::json report_json(const loop_report& report);

}  // namespace redoubt::program

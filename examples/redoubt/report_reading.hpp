#pragma once

#include "loop_report.hpp"

#include <nlohmann/json.hpp>

namespace redoubt::program {

/// The report in what `report_json` made of it, but for the pictures, which that leaves out.
///
/// Throws std::invalid_argument, naming the member, for what is missing or of the wrong type.
[[nodiscard]] loop_report read_report(const nlohmann::json& json);

}  // namespace redoubt::program

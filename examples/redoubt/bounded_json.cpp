#include "bounded_json.hpp"

#include <redoubt/core/error.hpp>

namespace redoubt::program {

using nlohmann::json;

json parse_bounded(std::string_view text, std::string_view what) {
  constexpr int deepest = 64;
  constexpr std::size_t most_values = 1000000;
  std::size_t values = 0;
  const auto look = [&](int depth, json::parse_event_t, json&) {
    require(depth <= deepest, what, " is nested deeper than ", deepest);
    require(++values <= most_values, what, " has more than ", most_values, " values");
    return true;
  };
  json parsed = json::parse(text, look, /*allow_exceptions=*/false);
  require(!parsed.is_discarded(), what, " is no JSON");
  return parsed;
}

}  // namespace redoubt::program

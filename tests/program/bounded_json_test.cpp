#include "bounded_json.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using redoubt::program::parse_bounded;

namespace {

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

}  // namespace

TEST_CASE("bounded_json: reads JSON, and says what is none") {
  CHECK(parse_bounded(R"({"a": [1, "x"]})", "it")["a"][1] == "x");
  CHECK_THROWS_WITH_AS(static_cast<void>(parse_bounded("{", "the event")), "the event is no JSON",
                       std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(parse_bounded("", "it")), std::invalid_argument);
}

TEST_CASE("bounded_json: what is nested without end, or goes on without end, is refused before it is whole") {
  CHECK(parse_bounded(nested(64), "it").is_array());
  CHECK_THROWS_WITH_AS(static_cast<void>(parse_bounded(nested(66), "it")), doctest::Contains("deeper than 64"),
                       std::invalid_argument);
  CHECK_THROWS_AS(static_cast<void>(parse_bounded(std::string(10000000, '['), "it")), std::invalid_argument);
  std::string many = "[0";
  for (int i = 0; i < 1000000; ++i) {
    many += ",0";
  }
  CHECK_THROWS_WITH_AS(static_cast<void>(parse_bounded(many + "]", "it")), doctest::Contains("1000000 values"),
                       std::invalid_argument);
}

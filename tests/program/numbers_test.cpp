#include "numbers.hpp"

#include "temporary_folder.hpp"

#include <doctest/doctest.h>
#include <CLI/CLI.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace redoubt::program;

namespace {

std::string refusal(const std::string& text) {
  return message_of<std::invalid_argument>([&] { static_cast<void>(parse_number(text)); });
}

/// Parses "--eps" and `value` as a command line would hold them.
double parse_flag(const std::string& value, number_range range) {
  CLI::App app;
  double eps = -1;
  app.add_option("--eps", eps)->transform(number(range));
  std::vector<std::string> words{value, "--eps"};  // CLI11 takes a vector from its end
  app.parse(words);
  return eps;
}

}  // namespace

TEST_CASE("decimals, exponents and quotients are the doubles they spell") {
  CHECK(parse_number("0.1") == 0.1);
  CHECK(parse_number("1e-3") == 1e-3);
  CHECK(parse_number("-2") == -2.0);
  CHECK(parse_number(".5") == 0.5);
  CHECK(parse_number("8/255") == 8.0 / 255);
  CHECK(parse_number("0.5/4") == 0.125);
  CHECK(parse_number("-1/4") == -0.25);
  CHECK(parse_number("0/5") == 0.0);
}

TEST_CASE("what is no number is refused with its text") {
  for (const std::string text :
       {"", "abc", "1.0x", " 1", "1 ", "1,5", "+1", "8/", "/255", "8/2/5", "8 / 255", "0x10"}) {
    CHECK(refusal(text) == "\"" + text + "\" is not a number (write 0.1, 1e-3 or 8/255)");
  }
}

TEST_CASE("what is no finite number is refused with its text") {
  CHECK(refusal("nan") == "\"nan\" is not a finite number");
  CHECK(refusal("-inf") == "\"-inf\" is not a finite number");
  CHECK(refusal("1/inf") == "\"1/inf\" is not a finite number");
  CHECK(refusal("8/0") == "\"8/0\" divides by zero");
  CHECK(refusal("0/0") == "\"0/0\" divides by zero");
  CHECK(refusal("1e999") == "\"1e999\" is out of the range of a double");
  CHECK(refusal("1e300/1e-300") == "\"1e300/1e-300\" is out of the range of a double");
}

TEST_CASE("a flag holds the very double that its text spells") {
  for (const std::string text : {"8/255", "0.1", "1e-3", "1/3", "2.2250738585072014e-308"}) {
    CHECK(parse_flag(text, {}) == parse_number(text));
  }
  CHECK(parse_flag("-1", {}) == -1.0);
}

TEST_CASE("a flag can be an optional number") {
  CLI::App app;
  std::optional<double> eps;
  app.add_option("--eps", eps)->transform(number());
  app.parse(std::vector<std::string>{"1/4", "--eps"});
  CHECK(eps == 0.25);
}

TEST_CASE("a flag refuses what is outside its range, and its message names flag and value") {
  const auto refused = [](const std::string& value, number_range range) {
    return message_of<CLI::ParseError>([&] { parse_flag(value, range); });
  };
  CHECK(refused("-1/255", {.least = 0}) == "--eps: -1/255 is too small: it must be >= 0");
  CHECK(refused("0", {.least = 0, .above = true}) == "--eps: 0 is too small: it must be > 0");
  CHECK(refused("1.5", {.least = 0, .most = 1}) == "--eps: 1.5 is too large: it must be <= 1");
  CHECK(refused("nan", {.least = 0}) == "--eps: \"nan\" is not a finite number");
  CHECK(refused("8/0", {.least = 0}) == "--eps: \"8/0\" divides by zero");
  CHECK(parse_flag("0", {.least = 0}) == 0);
  CHECK(parse_flag("1", {.least = 0, .most = 1}) == 1);
}

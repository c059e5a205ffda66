#include "numbers.hpp"

#include <CLI/CLI.hpp>
#include <redoubt/core/error.hpp>

#include <charconv>
#include <cmath>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>

namespace redoubt::program {
namespace {

double parse_decimal(std::string_view part, std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
  const bool whole = !part.empty() && end == part.data() + part.size();
  require(error != std::errc::result_out_of_range, '"', text, "\" is out of the range of a double");
  require(error == std::errc() && whole, '"', text, "\" is not a number (write 0.1, 1e-3 or 8/255)");
  require(std::isfinite(value), '"', text, "\" is not a finite number");
  return value;
}

std::string shortest(double value) {
  char text[32];
  const auto written = std::to_chars(std::begin(text), std::end(text), value);
  return {std::begin(text), written.ptr};
}

void check_range(double value, const number_range& range, std::string_view text) {
  const bool high_enough = range.above ? value > range.least : value >= range.least;
  require(high_enough, text, " is too small: it must be ", range.above ? "> " : ">= ", shortest(range.least));
  require(value <= range.most, text, " is too large: it must be <= ", shortest(range.most));
}

}  // namespace

double parse_number(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return parse_decimal(text, text);
  }
  const double numerator = parse_decimal(text.substr(0, slash), text);
  const double denominator = parse_decimal(text.substr(slash + 1), text);
  require(denominator != 0, '"', text, "\" divides by zero");
  const double quotient = numerator / denominator;
  require(std::isfinite(quotient), '"', text, "\" is out of the range of a double");
  return quotient;
}

CLI::Validator number(number_range range) {
  const auto transform = [range](std::string& text) -> std::string {
    try {
      const double value = parse_number(text);
      check_range(value, range, text);
      text = shortest(value);
      return {};
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  };
  return {transform, "NUMBER"};
}

}  // namespace redoubt::program

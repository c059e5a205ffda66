#include "html.hpp"

#include <cmath>
#include <cstdio>

namespace redoubt::program {

std::string escaped(std::string_view raw) {
  std::string safe;
  for (const char c : raw) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  const std::size_t first = number < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3; at -= 3) {
    digits.insert(at - 3, ",");
  }
  return digits;
}

std::string grouped(std::optional<std::int64_t> number) {
  return number ? grouped(*number) : dash;
}

std::string percent(std::optional<double> share) {
  return share && std::isfinite(*share) ? decimal(*share * 100, 1) + "%" : dash;
}

std::string decimal(double number, int digits) {
  char buffer[400];  // the largest double has 309 digits before the point
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, number);
  return buffer;
}

std::string duration(double seconds) {
  if (seconds < 10) {
    return decimal(seconds, 1) + " s";
  }
  const std::int64_t whole = std::llround(seconds);
  return whole < 60 ? text(whole, " s") : text(grouped(whole / 60), " min ", whole % 60, " s");
}

}  // namespace redoubt::program

#pragma once

#include <cstdint>
#include <locale>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

namespace redoubt::program {

/// `pieces` written one after the other, in the C locale.
template <class... Pieces>
[[nodiscard]] std::string text(const Pieces&... pieces) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  (out << ... << pieces);
  return out.str();
}

/// `raw` as text or attribute value of HTML and SVG.
[[nodiscard]] std::string escaped(std::string_view raw);

/// What stands for a value that is not there.
inline constexpr const char* dash = "–";

/// 12345 as "12,345".
[[nodiscard]] std::string grouped(std::int64_t number);
[[nodiscard]] std::string grouped(std::optional<std::int64_t> number);

/// 0.7843 as "78.4%".
[[nodiscard]] std::string percent(std::optional<double> share);

/// `number` with `digits` decimals.
[[nodiscard]] std::string decimal(double number, int digits);

/// "0.4 s", "41 s", "2 min 10 s".
[[nodiscard]] std::string duration(double seconds);

}  // namespace redoubt::program

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace redoubt::program {

/// FNV-1a, 64 bits: tells contents apart, and spreads ids evenly. Nothing to defend against a forger with.
[[nodiscard]] constexpr std::uint64_t digest_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  }
  return hash;
}

/// Its sixteen hexadecimal digits.
[[nodiscard]] inline std::string digits_of(std::uint64_t hash) {
  std::string digits(16, '0');
  for (std::size_t i = 0; i < digits.size(); ++i) {
    digits[digits.size() - 1 - i] = "0123456789abcdef"[hash >> (4 * i) & 15];
  }
  return digits;
}

}  // namespace redoubt::program

#pragma once

#include <cstdint>
#include <string_view>

namespace redoubt::detail {

/// A hash that another byte anywhere would change: FNV-1a (Fowler, Noll, Vo). Goes on from `hash`.
[[nodiscard]] inline std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = 0xcbf29ce484222325) {
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  }
  return hash;
}

}  // namespace redoubt::detail

#pragma once

#include <concepts>
#include <string>

namespace redoubt::detail {

/// What the attack calls itself, else "attack".
template <class Attack>
[[nodiscard]] std::string name_of(const Attack& attack) {
  if constexpr (requires {
                  { attack.name } -> std::convertible_to<std::string>;
                }) {
    return attack.name;
  } else {
    return "attack";
  }
}

}  // namespace redoubt::detail

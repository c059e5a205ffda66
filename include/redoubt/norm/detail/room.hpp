#pragma once

#include <redoubt/norm/detail/number.hpp>
#include <type_traits>

namespace redoubt::detail {

/// Every magnitude that is beyond its room is moved to its end: the nearest point of the box. `elements` as in
/// serial.hpp.
template <class Elements>
constexpr void clip_to_room(Elements& elements) {
  elements.write([](const auto& magnitude, const auto& room) { return smaller(magnitude, room); });
}

/// All elements become one value.
template <class Elements>
constexpr void write_all(Elements& elements, typename Elements::number value) {
  elements.write(
      [value](const auto& magnitude, const auto&) { return std::remove_cvref_t<decltype(magnitude)>{value}; });
}

}  // namespace redoubt::detail

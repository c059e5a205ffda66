#pragma once

#include <limits>
#include <redoubt/norm/detail/number.hpp>
#include <redoubt/norm/detail/terms.hpp>
#include <type_traits>

namespace redoubt::detail {

/// How far a perturbation's elements are beyond their room, summed; not finite where one of them is not.
///
/// `elements` as in serial.hpp.
template <class Elements>
[[nodiscard]] constexpr double beyond_room(const Elements& elements) {
  return elements
      .template sums<1>(
          [](const auto& magnitude, const auto& room) { return terms{{magnitude - smaller(magnitude, room)}}; })
      .each[0];
}

/// Every magnitude that is beyond its room is moved to its end: the nearest point of the box.
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

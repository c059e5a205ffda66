#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <redoubt/norm/detail/number.hpp>
#include <redoubt/norm/detail/room.hpp>
#include <redoubt/norm/detail/terms.hpp>
#include <redoubt/norm/detail/tolerance.hpp>
#include <type_traits>

namespace redoubt::detail {

/// A power of two that brings `length` near 1, or as near as a T can: numbers scaled by it keep every bit.
template <class T>
[[nodiscard]] constexpr T scale_to_one(double length) {
  constexpr int most = std::numeric_limits<T>::max_exponent - 2;
  return std::ldexp(T{1}, std::clamp(-std::ilogb(length), -most, most));
}

/// Moves a perturbation to the nearest point of the l2 ball within its box; `elements` as in serial.hpp.
///
/// The nearest point has the magnitudes min(t |d_i|, room_i), with the largest t <= 1 at which it is no longer than the
/// radius. Its squared length, sum_i min(t^2 d_i^2, room_i^2), is piecewise linear and concave in t^2: Newton's method
/// from 0 climbs to the answer and never past it, one pass for each time that more elements run out of room.
/// Derived from the conditions of Karush, Kuhn and Tucker, as is usual for a separable problem with one constraint.
/// A perturbation that is in both is left as it is. One with an element that is not finite becomes NaN.
template <class Elements>
constexpr void project_l2(Elements& elements, double radius) {
  using T = typename Elements::number;
  // The squared length, scaled; and how far elements are beyond their room.
  const auto look = [&elements](T scale) {
    return elements.template sums<2>([scale](const auto& magnitude, const auto& room) {
      const auto scaled = magnitude * scale;
      return terms{{scaled * scaled, magnitude - smaller(magnitude, room)}};
    });
  };
  T scale = radius > 0 ? scale_to_one<T>(radius) : T{1};
  terms<double, 2> whole = look(scale);
  const double beyond = whole.each[1];
  if (!std::isfinite(beyond)) {
    return write_all(elements, std::numeric_limits<T>::quiet_NaN());
  }
  if (radius == 0) {
    return write_all(elements, T{0});
  }
  if (!std::isfinite(whole.each[0])) {
    // So that no square overflows and none that counts vanishes.
    scale = scale_to_one<T>(std::max(radius, 1e-12 * static_cast<double>(elements.largest())));
    whole = look(scale);
  }
  const double target = radius * static_cast<double>(scale) * (radius * static_cast<double>(scale));
  if (whole.each[0] <= target * (1 + 2 * length_tolerance<T>)) {
    return beyond > 0 ? clip_to_room(elements) : void();
  }
  // Of the squares: what still grows with t, what has run out of room.
  const auto at = [&elements, scale](double t) {
    return elements.template sums<2>([scale, t = static_cast<T>(t)](const auto& magnitude, const auto& room) {
      using V = std::remove_cvref_t<decltype(magnitude)>;
      const V grown = magnitude * scale;
      const V most = room * scale;
      const V zero{T{0}};
      return terms<V, 2>{{if_less(grown * t, most, grown * grown, zero), if_less(grown * t, most, zero, most * most)}};
    });
  };
  double square = target / whole.each[0];  // of t: Newton's first step, from 0, where all have room
  while (square < 1) {
    const terms<double, 2> sum = at(std::sqrt(square));
    const double next = (target - sum.each[1]) / sum.each[0];
    if (!(next > square * (1 + length_tolerance<T> / 4))) {
      break;
    }
    square = std::min(next, 1.0);
  }
  elements.write([t = static_cast<T>(std::sqrt(square))](const auto& magnitude, const auto& room) {
    return smaller(magnitude * t, room);
  });
}

}  // namespace redoubt::detail

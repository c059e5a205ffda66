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
  const double beyond = beyond_room(elements);
  if (!std::isfinite(beyond)) {
    return write_all(elements, std::numeric_limits<T>::quiet_NaN());
  }
  const double largest = elements.largest();
  if (largest == 0) {
    return;
  }
  // Of the squares, scaled so that none overflows and none that counts vanishes: what still grows with t, what does
  // not.
  const T scale = scale_to_one<T>(std::max(radius, 1e-12 * largest));
  const auto at = [&elements, scale](double t) {
    return elements.template sums<2>([scale, t = static_cast<T>(t)](const auto& magnitude, const auto& room) {
      using V = std::remove_cvref_t<decltype(magnitude)>;
      const V grown = magnitude * scale;
      const V most = room * scale;
      const V zero{T{0}};
      return terms<V, 2>{{if_less(grown * t, most, grown * grown, zero), if_less(grown * t, most, zero, most * most)}};
    });
  };
  const double most = radius * static_cast<double>(scale);
  const double target = most * most;
  const terms<double, 2> whole = at(1);
  if (whole.each[0] + whole.each[1] <= target * (1 + 2 * length_tolerance<T>)) {
    return beyond > 0 ? clip_to_room(elements) : void();
  }
  double square = 0;  // of t
  while (true) {
    const terms<double, 2> sum = at(std::sqrt(square));
    const double next = (target - sum.each[1]) / sum.each[0];
    if (!(next > square * (1 + length_tolerance<T> / 4))) {
      break;
    }
    square = next;
  }
  elements.write([t = static_cast<T>(std::sqrt(square))](const auto& magnitude, const auto& room) {
    return smaller(magnitude * t, room);
  });
}

}  // namespace redoubt::detail

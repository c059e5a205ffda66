#pragma once

#include <cmath>
#include <limits>
#include <redoubt/norm/detail/number.hpp>
#include <redoubt/norm/detail/room.hpp>
#include <redoubt/norm/detail/terms.hpp>
#include <redoubt/norm/detail/tolerance.hpp>
#include <type_traits>

namespace redoubt::detail {

/// What magnitudes are shortened by, kept as two numbers: what is left of one near it is then exact to a rounding.
template <class T>
struct shortening {
  T near;
  T rest;

  constexpr explicit shortening(double shift)
      : near{static_cast<T>(shift)}, rest{static_cast<T>(shift - static_cast<double>(near))} {}

  /// min(max(magnitude - shift, 0), room).
  template <class V>
  [[nodiscard]] constexpr V operator()(const V& magnitude, const V& room) const {
    return smaller(larger(magnitude - near - rest, T{0}), room);
  }
};

/// Moves a perturbation to the nearest point of the l1 ball within its box; `elements` as in serial.hpp.
///
/// The nearest point has the magnitudes min(max(|d_i| - shift, 0), room_i), with the least shift >= 0 at which they sum
/// to no more than the radius. The sum is piecewise linear in the shift. Without a box it is convex, and Newton's
/// method from 0 finds the shift in a few passes (Michelot 1986; Condat 2016, Math. Prog. 158). With one it is not:
/// Newton's steps are kept inside a bracket, which is halved where they would leave it. Nothing is sorted.
/// Why ball and box jointly: Croce & Hein 2021 (arXiv:2103.01208), section 3.
/// A perturbation that is in both is left as it is. One with an element that is not finite becomes NaN.
template <class Elements>
constexpr void project_l1(Elements& elements, double radius) {
  using T = typename Elements::number;
  // What clipping leaves, and how far elements are beyond their room.
  const auto whole = elements.template sums<2>([](const auto& magnitude, const auto& room) {
    const auto left = smaller(magnitude, room);
    return terms{{left, magnitude - left}};
  });
  const double beyond = whole.each[1];
  if (!std::isfinite(beyond)) {
    return write_all(elements, std::numeric_limits<T>::quiet_NaN());
  }
  const double slack = length_tolerance<T> * radius;
  if (whole.each[0] <= radius + slack) {
    return beyond > 0 ? clip_to_room(elements) : void();
  }
  double shift = 0;
  double low = 0;                    // too long here,
  double high = elements.largest();  // short enough here
  while (true) {
    // The sum at the shift, and how many magnitudes it moves there.
    const auto sum = elements.template sums<2>([by = shortening<T>{shift}](const auto& magnitude, const auto& room) {
      using V = std::remove_cvref_t<decltype(magnitude)>;
      const V left = by(magnitude, room);
      const V moves = if_less(V{T{0}}, left, if_less(left, room, V{T{1}}, V{T{0}}), V{T{0}});
      return terms<V, 2>{{left, moves}};
    });
    if (std::abs(sum.each[0] - radius) <= slack) {
      break;
    }
    (sum.each[0] > radius ? low : high) = shift;
    const double newton = shift + (sum.each[0] - radius) / sum.each[1];
    shift = low < newton && newton < high ? newton : low + (high - low) / 2;
    if (shift <= low || shift >= high) {
      shift = high;  // nothing is left between: what remains is rounding
      break;
    }
  }
  elements.write(shortening<T>{shift});
}

}  // namespace redoubt::detail

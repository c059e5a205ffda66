#pragma once

#include <cmath>
#include <redoubt/norm/detail/project_l2.hpp>
#include <redoubt/norm/detail/terms.hpp>
#include <type_traits>

namespace redoubt::detail {

/// What a gradient is to be multiplied by to have an l2 norm of 1; 1 where it is zero. `elements` as in serial.hpp.
///
/// Where its squares vanish or leave T's range, as a saturated model's tiny gradients do, it is brought near 1 first.
template <class Elements>
[[nodiscard]] constexpr typename Elements::number over_length_l2(Elements& elements) {
  using T = typename Elements::number;
  const auto squares = [&elements] {
    return elements.template sums<1>([](const auto& magnitude, const auto&) { return terms{{magnitude * magnitude}}; })
        .each[0];
  };
  double sum = squares();
  if (!(sum > 1e-20 && sum < 1e20)) {
    const double largest = elements.largest();
    if (largest == 0) {
      return 1;
    }
    elements.write(
        [scale = scale_to_one<T>(largest)](const auto& magnitude, const auto&) { return magnitude * scale; });
    sum = squares();
  }
  return static_cast<T>(1 / std::sqrt(sum));
}

/// Makes a gradient's l2 norm 1; one that is zero stays zero.
template <class Elements>
constexpr void make_unit_l2(Elements& elements) {
  elements.write([over = over_length_l2(elements)](const auto& magnitude, const auto&) { return magnitude * over; });
}

/// Makes a gradient's l1 norm 1; one that is zero stays zero.
template <class Elements>
constexpr void make_unit_l1(Elements& elements) {
  using T = typename Elements::number;
  const double largest = elements.largest();
  if (largest == 0) {
    return;
  }
  // Near one: neither tiny nor huge gradients leave float32 in the sum.
  const T scale = scale_to_one<T>(largest);
  const double sum =
      elements.template sums<1>([scale](const auto& magnitude, const auto&) { return terms{{magnitude * scale}}; })
          .each[0];
  elements.write(
      [scale, size = static_cast<T>(sum)](const auto& magnitude, const auto&) { return magnitude * scale / size; });
}

/// Makes a gradient's largest magnitude 1; one that is zero stays zero.
template <class Elements>
constexpr void make_unit_linf(Elements& elements) {
  using T = typename Elements::number;
  const T largest = elements.largest();
  if (largest != 0) {
    elements.write([largest](const auto& magnitude, const auto&) { return magnitude / largest; });
  }
}

}  // namespace redoubt::detail

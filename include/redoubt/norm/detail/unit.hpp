#pragma once

#include <cmath>
#include <redoubt/norm/detail/project_l2.hpp>
#include <redoubt/norm/detail/terms.hpp>
#include <type_traits>

namespace redoubt::detail {

/// Makes a gradient's l2 norm 1; one that is zero stays zero. `elements` as in serial.hpp.
template <class Elements>
constexpr void make_unit_l2(Elements& elements) {
  using T = typename Elements::number;
  const double largest = elements.largest();
  if (largest == 0) {
    return;
  }
  // Near one, as the squares of a saturated model's gradients vanish in float32.
  const T scale = scale_to_one<T>(largest);
  const double squares = elements
                             .template sums<1>([scale](const auto& magnitude, const auto&) {
                               const auto near = magnitude * scale;
                               return terms{{near * near}};
                             })
                             .each[0];
  elements.write([scale, size = static_cast<T>(std::sqrt(squares))](const auto& magnitude, const auto&) {
    return magnitude * scale / size;
  });
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

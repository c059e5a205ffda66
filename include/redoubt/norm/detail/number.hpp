#pragma once

#include <limits>
#include <type_traits>

namespace redoubt::detail {

// What a step or projection does with a number, or with the host's `lanes` of them.

/// Where a < b `yes`, elsewhere (a NaN included) `no`.
[[nodiscard]] constexpr float if_less(float a, float b, float yes, float no) {
  return a < b ? yes : no;
}
[[nodiscard]] constexpr double if_less(double a, double b, double yes, double no) {
  return a < b ? yes : no;
}

template <class V>
[[nodiscard]] constexpr V smaller(const V& a, const std::type_identity_t<V>& b) {
  return if_less(a, b, a, b);
}

template <class V>
[[nodiscard]] constexpr V larger(const V& a, const std::type_identity_t<V>& b) {
  return if_less(b, a, a, b);
}

/// A number in place of NaN (0) and of an infinity (the largest number).
template <class T, class V>
[[nodiscard]] constexpr V finite_or_zero(const V& g) {
  constexpr T most = std::numeric_limits<T>::max();
  const V no_nan = if_less(g, V{T{0}}, g, if_less(V{T{0}}, g, g, V{T{0}}));
  return smaller(larger(no_nan, -most), most);
}

}  // namespace redoubt::detail

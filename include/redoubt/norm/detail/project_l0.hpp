#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <redoubt/norm/detail/number.hpp>
#include <redoubt/norm/detail/room.hpp>
#include <redoubt/norm/detail/terms.hpp>
#include <type_traits>

namespace redoubt::detail {

/// Keeps the first numbers of the `keep` pairs whose second numbers are largest; the other elements become zero.
///
/// Second numbers are finite and not negative. Of equals the first are kept. Their order is that of their bits, which
/// are halved until `keep` are above: at most 32 passes (64 in double precision), and nothing is sorted.
template <class Elements>
constexpr void keep_largest(Elements& elements, std::int64_t keep) {
  using T = typename Elements::number;
  using whole = std::conditional_t<sizeof(T) == sizeof(std::uint32_t), std::uint32_t, std::uint64_t>;
  const auto at_least = [&elements](T bound) {
    return static_cast<std::int64_t>(elements
                                         .template sums<1>([bound](const auto&, const auto& rank) {
                                           using V = std::remove_cvref_t<decltype(rank)>;
                                           return terms<V, 1>{{if_less(rank, V{bound}, V{T{0}}, V{T{1}})}};
                                         })
                                         .each[0]);
  };
  whole low = 0;                                                          // `keep` or more are not below this,
  whole high = std::bit_cast<whole>(std::numeric_limits<T>::infinity());  // fewer are not below this:
  std::int64_t above = 0;                                                 // so many
  while (high - low > 1) {
    const whole middle = low + (high - low) / 2;
    const std::int64_t found = at_least(std::bit_cast<T>(middle));
    if (found == keep) {  // as nearly always: no equals are to be told apart
      return elements.write([bound = std::bit_cast<T>(middle)](const auto& first, const auto& rank) {
        using V = std::remove_cvref_t<decltype(rank)>;
        return if_less(rank, V{bound}, V{T{0}}, first);
      });
    }
    if (found > keep) {
      low = middle;
    } else {
      high = middle;
      above = found;
    }
  }
  // Where all that are not below fit, `keep` bounds nothing; else those equal to the bound share what is left.
  elements.write_above(std::bit_cast<T>(low), keep - above);
}

/// How many elements are not zero.
template <class Elements>
[[nodiscard]] constexpr double count_changed(const Elements& elements) {
  using T = typename Elements::number;
  return elements
      .template sums<1>([](const auto& magnitude, const auto&) {
        using V = std::remove_cvref_t<decltype(magnitude)>;
        return terms<V, 1>{{if_less(V{T{0}}, magnitude, V{T{1}}, V{T{0}})}};
      })
      .each[0];
}

/// Moves a perturbation to a nearest point with at most `count` elements that are not zero, within its box.
///
/// Keeping element i, moved into its box, rather than dropping it shortens the squared distance by
/// d_i^2 - (d_i - clip(d_i))^2: the largest of these gains are kept; of equal ones the first. `elements` as in
/// serial.hpp. A perturbation that is in both is left as it is. One with an element that is not finite becomes NaN.
template <class Elements>
constexpr void project_l0(Elements& elements, double count) {
  using T = typename Elements::number;
  // How many elements are not zero, and how far they are beyond their room.
  const auto whole = elements.template sums<2>([](const auto& magnitude, const auto& room) {
    using V = std::remove_cvref_t<decltype(magnitude)>;
    return terms<V, 2>{{if_less(V{T{0}}, magnitude, V{T{1}}, V{T{0}}), magnitude - smaller(magnitude, room)}};
  });
  const double beyond = whole.each[1];
  if (!std::isfinite(beyond)) {
    return write_all(elements, std::numeric_limits<T>::quiet_NaN());
  }
  if (whole.each[0] <= count) {
    return beyond > 0 ? clip_to_room(elements) : void();
  }
  if (count < 1) {
    return write_all(elements, T{0});
  }
  if (beyond > 0) {
    // Relative to the largest, so that no square overflows and none that counts vanishes.
    elements.replace([largest = elements.largest()](const auto& magnitude, const auto& room) {
      using V = std::remove_cvref_t<decltype(magnitude)>;
      const V kept = smaller(magnitude, room);
      const V share = kept / largest;
      return terms<V, 2>{{kept, share * (magnitude / largest * T{2} - share)}};
    });
  } else {
    elements.replace([](const auto& magnitude, const auto&) {
      return terms<std::remove_cvref_t<decltype(magnitude)>, 2>{{magnitude, magnitude}};
    });
  }
  keep_largest(elements, static_cast<std::int64_t>(count));
}

/// Replaces a gradient by the signs of its largest elements, at most `most` >= 1 of them, over how many they are.
template <class Elements>
constexpr void signs_of_largest(Elements& elements, double most) {
  using T = typename Elements::number;
  const double signs = std::min(count_changed(elements), most);
  if (signs == 0) {
    return;
  }
  elements.replace([size = static_cast<T>(1 / signs)](const auto& magnitude, const auto&) {
    using V = std::remove_cvref_t<decltype(magnitude)>;
    return terms<V, 2>{{V{size}, magnitude}};
  });
  keep_largest(elements, static_cast<std::int64_t>(signs));
}

}  // namespace redoubt::detail

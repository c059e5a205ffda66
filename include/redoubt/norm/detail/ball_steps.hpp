#pragma once

#include <redoubt/norm/detail/number.hpp>
#include <redoubt/norm/detail/project_l0.hpp>
#include <redoubt/norm/detail/project_l1.hpp>
#include <redoubt/norm/detail/project_l2.hpp>
#include <redoubt/norm/detail/unit.hpp>
#include <type_traits>

namespace redoubt::detail {

// What the steps of balls are made of that depend on the whole of a sample; hosts and devices take the same.
// `elements` as in serial.hpp. direction(elements) makes a gradient what the step of length 1 is a multiple of, and
// gives how often.

/// Along the gradient's signs, for where what comes before depends on the whole of a sample; else linf_step.hpp.
struct linf_sample_step {
  static constexpr bool free_only = false;  ///< only elements that the box lets move along the gradient have one
  static constexpr bool in_order = false;   ///< elements must come in the order of their indices

  template <class Elements>
  constexpr auto direction(Elements& elements) const {
    elements.write([](const auto& magnitude, const auto&) {
      using V = std::remove_cvref_t<decltype(magnitude)>;
      return if_less(V{0}, magnitude, V{1}, V{0});
    });
    return typename Elements::number{1};
  }

  // Ball and box are cut one after the other: the box where the point is written.
  template <class Elements>
  constexpr void project(Elements& elements, double radius) const {
    using T = typename Elements::number;
    elements.write(
        [most = static_cast<T>(radius)](const auto& magnitude, const auto&) { return smaller(magnitude, most); });
  }
};

/// Along the gradient over its length.
struct l2_step {
  static constexpr bool free_only = false;
  static constexpr bool in_order = false;

  template <class Elements>
  constexpr auto direction(Elements& elements) const {
    return over_length_l2(elements);
  }

  template <class Elements>
  constexpr void project(Elements& elements, double radius) const {
    project_l2(elements, radius);
  }
};

/// Along the signs of the largest elements.
struct l1_step {
  static constexpr bool free_only = true;
  static constexpr bool in_order = true;  // of equal elements the first move

  double most;  ///< how many move

  template <class Elements>
  constexpr auto direction(Elements& elements) const {
    signs_of_largest(elements, most);
    return typename Elements::number{1};
  }

  template <class Elements>
  constexpr void project(Elements& elements, double radius) const {
    project_l1(elements, radius);
  }
};

/// Along the gradient over its largest element.
struct l0_step {
  static constexpr bool free_only = false;
  static constexpr bool in_order = true;  // of equal elements the first stay

  template <class Elements>
  constexpr auto direction(Elements& elements) const {
    make_unit_linf(elements);
    return typename Elements::number{1};
  }

  template <class Elements>
  constexpr void project(Elements& elements, double count) const {
    project_l0(elements, count);
  }
};

}  // namespace redoubt::detail

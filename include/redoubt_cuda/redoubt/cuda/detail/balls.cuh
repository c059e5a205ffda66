#pragma once

#include <redoubt/norm/detail/device_step.hpp>
#include <redoubt/norm/detail/project_l0.hpp>
#include <redoubt/norm/detail/project_l1.hpp>
#include <redoubt/norm/detail/project_l2.hpp>
#include <redoubt/norm/detail/unit.hpp>

namespace redoubt::cuda::detail {

using redoubt::detail::device_step;

/// Along the gradient over its length.
struct l2_step {
  static constexpr bool free_only = false;  ///< only elements that the box lets move have a gradient

  template <class Elements>
  static __device__ void direction(Elements& elements, const device_step& /*s*/) {
    redoubt::detail::make_unit_l2(elements);
  }

  template <class Elements>
  static __device__ void project(Elements& elements, double size) {
    redoubt::detail::project_l2(elements, size);
  }
};

/// Along the signs of the largest elements.
struct l1_step {
  static constexpr bool free_only = true;  ///< only elements that the box lets move have a gradient

  template <class Elements>
  static __device__ void direction(Elements& elements, const device_step& s) {
    redoubt::detail::signs_of_largest(elements, s.most);
  }

  template <class Elements>
  static __device__ void project(Elements& elements, double size) {
    redoubt::detail::project_l1(elements, size);
  }
};

/// Along the gradient over its largest element.
struct l0_step {
  static constexpr bool free_only = false;  ///< only elements that the box lets move have a gradient

  template <class Elements>
  static __device__ void direction(Elements& elements, const device_step& /*s*/) {
    redoubt::detail::make_unit_linf(elements);
  }

  template <class Elements>
  static __device__ void project(Elements& elements, double size) {
    redoubt::detail::project_l0(elements, size);
  }
};

}  // namespace redoubt::cuda::detail

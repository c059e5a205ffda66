#pragma once

#include <redoubt/norm/detail/number.hpp>

namespace redoubt::detail {

/// A step along the gradient's signs, into the linf ball around a sample and into its box, for one element.
///
/// V is a number or `lanes` of them: hosts and devices take the same step, in the order of the operations
/// (point + length * sign(g) - x, clamp, + x, clamp), to the bit. The sign of a NaN is 0.
template <class V>
struct linf_step {
  V length;
  V radius;
  V lower;
  V upper;

  [[nodiscard]] constexpr V operator()(const V& from, const V& gradient, const V& x) const {
    const V zero{0};
    const V along = if_less(gradient, zero, zero - length, if_less(zero, gradient, length, zero));
    const V d = smaller(larger(from + along - x, zero - radius), radius);
    return smaller(larger(x + d, lower), upper);
  }
};

}  // namespace redoubt::detail

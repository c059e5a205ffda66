#pragma once

#include <concepts>

namespace redoubt::detail {

/// How far, relative to the radius, a length may be from the radius and still count as the radius.
///
/// Both ways: a one-sided test would have the search bisect what is rounding. It is also what a perturbation may
/// exceed the radius by and be left as it is, so that what a projection gives it gives again, bit by bit.
template <std::floating_point T>
inline constexpr double length_tolerance = sizeof(T) == sizeof(float) ? 3e-7 : 1e-13;

}  // namespace redoubt::detail

#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <redoubt/core/philox.hpp>

namespace redoubt::detail {

// What a draw makes of the 128 bits that belong to four elements: the number of the k-th. Hosts and devices make the
// same; templates, as a function that calls the mathematical library is constexpr nowhere else.

struct uniform_number {
  template <class Bits>
  [[nodiscard]] static constexpr float of(const Bits& bits, int k) {
    return unit_float(bits[static_cast<unsigned>(k)]);
  }
};

/// Box and Muller 1958.
struct normal_number {
  template <class Bits>
  [[nodiscard]] static constexpr float of(const Bits& bits, int k) {
    const auto pair = static_cast<unsigned>(k / 2 * 2);
    const double radius = std::sqrt(-2 * std::log1p(-unit_double(bits[pair])));
    const double angle = 2 * std::numbers::pi * unit_double(bits[pair + 1]);
    return static_cast<float>(radius * (k % 2 == 0 ? std::cos(angle) : std::sin(angle)));
  }
};

/// An exponential number, the inverse of its distribution function, under a random sign.
struct laplace_number {
  template <class Bits>
  [[nodiscard]] static constexpr float of(const Bits& bits, int k) {
    const std::uint32_t random = bits[static_cast<unsigned>(k)];
    const double size = -std::log1p(-unit_double(random & ~1U));
    return static_cast<float>((random & 1U) == 0 ? size : -size);
  }
};

/// The counter of elements 4 k to 4 k + 3 of a sample's draw: where it stands, and nothing else.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> draw_counter(std::int64_t k, std::int64_t row,
                                                                  std::uint32_t restart, std::uint32_t step) {
  return {static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(row),
          static_cast<std::uint32_t>(row >> 32) | restart << 16, step};
}

}  // namespace redoubt::detail

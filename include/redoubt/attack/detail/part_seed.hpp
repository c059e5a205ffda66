#pragma once

#include <cstdint>
#include <redoubt/core/philox.hpp>

namespace redoubt::detail {

/// The seed of the part-th attack of those that make up one attack: `seed` itself for part 0, unrelated to it after.
[[nodiscard]] constexpr std::uint64_t part_seed(std::uint64_t seed, std::uint32_t part) {
  if (part == 0) {
    return seed;
  }
  // All ones in the last word: draws of samples do not come that far, as they stand at a step there.
  const auto bits = philox4x32({part, 0, 0, 0xFFFFFFFF}, philox_key(seed));
  return std::uint64_t{bits[0]} << 32 | bits[1];
}

}  // namespace redoubt::detail

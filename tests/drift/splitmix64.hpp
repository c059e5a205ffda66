#pragma once

#include <cstdint>

/// Steele, Lea, Flood 2014: the same draws with every standard library, unlike the distributions of <random>.
struct splitmix64 {
  std::uint64_t state;

  double uniform() {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

  double bit(double chance_of_one) { return uniform() < chance_of_one ? 1 : 0; }
};

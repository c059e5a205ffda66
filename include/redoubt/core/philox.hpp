#pragma once

#include <array>
#include <cstdint>
#include <limits>

namespace redoubt {

/// Philox4x32-10: the 128 random bits that belong to a counter under a key.
///
/// A pure function, so that a draw depends on where it stands and on nothing else.
/// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011; agrees with Random123's known
/// answers.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                                std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t multiplier_0 = 0xD2511F53;
  constexpr std::uint64_t multiplier_1 = 0xCD9E8D57;
  constexpr std::uint32_t weyl_0 = 0x9E3779B9;
  constexpr std::uint32_t weyl_1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product_0 = multiplier_0 * counter[0];
    const std::uint64_t product_1 = multiplier_1 * counter[2];
    counter = {static_cast<std::uint32_t>(product_1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product_1),
               static_cast<std::uint32_t>(product_0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product_0)};
    key = {key[0] + weyl_0, key[1] + weyl_1};
  }
  return counter;
}

/// The key that a 64-bit seed stands for.
[[nodiscard]] constexpr std::array<std::uint32_t, 2> philox_key(std::uint64_t seed) {
  return {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
}

/// A number in [0, 1) with 24 random bits: every float of that grid, exactly.
[[nodiscard]] constexpr float unit_float(std::uint32_t bits) {
  return static_cast<float>(bits >> 8) * 0x1.0p-24F;
}

/// A number in [0, 1) with 32 random bits.
[[nodiscard]] constexpr double unit_double(std::uint32_t bits) {
  return bits * 0x1.0p-32;
}

/// A sequence of Philox numbers: `stream` tells sequences of one seed apart.
///
/// Meets std::uniform_random_bit_generator. For work in order (shuffles, initial weights, request streams); draws that
/// belong to a sample are keyed by that sample instead, see core/random.hpp.
class philox_sequence {
 public:
  using result_type = std::uint32_t;  ///< 32 random bits

  /// The sequence `stream` of `seed`, from its first number.
  explicit constexpr philox_sequence(std::uint64_t seed, std::uint64_t stream = 0)
      : key_{philox_key(seed)}, stream_{philox_key(stream)} {}

  /// The smallest number: 0.
  [[nodiscard]] static constexpr result_type min() { return 0; }
  /// The largest number: 2^32 - 1.
  [[nodiscard]] static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  /// The next 32 random bits.
  constexpr result_type operator()() {
    const auto lane = static_cast<std::size_t>(position_ % 4);
    if (lane == 0) {
      const auto block = philox_key(position_ / 4);
      block_ = philox4x32({block[0], block[1], stream_[0], stream_[1]}, key_);
    }
    ++position_;
    return block_[lane];
  }

  /// A number in [0, 1).
  constexpr double uniform() { return unit_double((*this)()); }

  /// A whole number in [0, count), count >= 1, each equally likely (Lemire 2019, arXiv:1805.10941).
  constexpr std::uint32_t below(std::uint32_t count) {
    std::uint64_t product = static_cast<std::uint64_t>((*this)()) * count;
    if (static_cast<std::uint32_t>(product) < count) {
      const std::uint32_t refused = (0U - count) % count;
      while (static_cast<std::uint32_t>(product) < refused) {
        product = static_cast<std::uint64_t>((*this)()) * count;
      }
    }
    return static_cast<std::uint32_t>(product >> 32);
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 2> stream_;
  std::array<std::uint32_t, 4> block_{};
  std::uint64_t position_ = 0;
};

}  // namespace redoubt

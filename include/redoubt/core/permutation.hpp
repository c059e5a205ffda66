#pragma once

#include <cstdint>
#include <numeric>
#include <redoubt/core/philox.hpp>
#include <utility>
#include <vector>

namespace redoubt {

/// The numbers 0..count-1 in a random order, each order equally likely: the same for the same (seed, stream).
///
/// Fisher and Yates' shuffle. `count` lies in [0, 2^32), which is not checked.
[[nodiscard]] inline std::vector<std::int64_t> permutation(std::int64_t count, std::uint64_t seed,
                                                           std::uint64_t stream = 0) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  philox_sequence random{seed, stream};
  for (std::size_t left = order.size(); left > 1; --left) {
    std::swap(order[left - 1], order[random.below(static_cast<std::uint32_t>(left))]);
  }
  return order;
}

}  // namespace redoubt

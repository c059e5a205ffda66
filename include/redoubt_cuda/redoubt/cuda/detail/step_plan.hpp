#pragma once

#include <cstddef>
#include <cstdint>

namespace redoubt::cuda::detail {

/// Bytes of a block's elements that leave room for another block on a multiprocessor.
inline constexpr std::size_t comfortable_shared = 96 * 1024;

/// What a device lets a launch ask for.
struct device_limits {
  std::size_t shared = 0;     ///< bytes of shared memory for a block, beside what its team needs
  unsigned cluster = 1;       ///< blocks of a cluster, each of `comfortable_shared`
  unsigned full_cluster = 1;  ///< blocks of a cluster, each of `shared`
};

/// Where the elements of a sample are held that are too many for registers, and among how many blocks.
struct step_plan {
  unsigned blocks = 1;       ///< of a sample
  std::size_t shared = 0;    ///< bytes for the elements of a block; 0 where they are in the device's memory
  std::int64_t scratch = 0;  ///< floats for the elements of a sample, where they are
};

/// Threads of each block of such a sample.
inline constexpr unsigned threads_of_plan = 512;

/// Of as few blocks as leave room for others', so that one sample is read or written while another is summed; else of
/// as many as there may be; else in memory.
[[nodiscard]] constexpr step_plan plan_of(std::int64_t size, const device_limits& limits) {
  constexpr unsigned enough = 8;  // blocks of a sample in memory
  constexpr std::int64_t of_round = 4 * std::int64_t{threads_of_plan};
  constexpr std::int64_t floats = 2;  // of an element: see held.cuh
  const auto elements_of_block = [size](unsigned blocks) {
    const std::int64_t at_once = of_round * blocks;
    return (size + at_once - 1) / at_once * of_round;
  };
  const auto bytes_of_block = [&](unsigned blocks) {
    return static_cast<std::size_t>(elements_of_block(blocks) * floats) * sizeof(float);
  };
  // How many blocks it takes, each with so much room; 0 where `most` are too few.
  const auto smallest = [&](std::size_t room, unsigned most) {
    unsigned blocks = 1;
    while (blocks <= most && bytes_of_block(blocks) > room) {
      blocks *= 2;
    }
    return room <= limits.shared && blocks <= most ? blocks : 0;
  };
  unsigned in_shared = smallest(comfortable_shared, limits.cluster);
  in_shared = in_shared > 0 ? in_shared : smallest(limits.shared, limits.full_cluster);
  if (in_shared > 0) {
    return {.blocks = in_shared, .shared = bytes_of_block(in_shared)};
  }
  const unsigned blocks = limits.cluster < enough ? limits.cluster : enough;
  return {.blocks = blocks, .scratch = floats * elements_of_block(blocks) * blocks};
}

}  // namespace redoubt::cuda::detail

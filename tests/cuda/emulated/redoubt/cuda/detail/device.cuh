#pragma once

// The emulated device's, in place of the header of the same name.

#include "../../../device.hpp"

#include <c10/util/Half.h>

#include <cstdint>

namespace redoubt::cuda::detail {

[[nodiscard]] inline float half_number(std::uint16_t bits) {
  return c10::Half{bits, c10::Half::from_bits()};
}
[[nodiscard]] inline unsigned char* shared_memory() {
  return testing::emulated_cluster::shared_memory();
}
[[nodiscard]] inline unsigned cluster_blocks() {
  return testing::emulated_cluster::blocks();
}
[[nodiscard]] inline unsigned cluster_rank() {
  return blockIdx.x % cluster_blocks();
}
inline void wait_for_cluster() {
  testing::emulated_cluster::wait_for_cluster();
}
template <class T>
[[nodiscard]] T* in_block(T* own, unsigned rank) {
  return reinterpret_cast<T*>(testing::emulated_cluster::in_block(reinterpret_cast<unsigned char*>(own), rank));
}

}  // namespace redoubt::cuda::detail

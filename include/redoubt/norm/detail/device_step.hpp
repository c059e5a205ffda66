#pragma once

#include <cstdint>

// What the host tells a device about a step. The kernels are in redoubt_cuda/, and in a program only where it links
// redoubt::cuda: their entry points are weak here, null where nobody defines them.

namespace redoubt::detail {

/// One number for all, or one for each sample (or channel), in the device's memory.
struct device_number {
  const float* each = nullptr;
  float number = 0;
};

/// How a gradient is stored.
enum class device_gradient : int { float32, float16, bfloat16 };

/// A step of a batch of samples that lie in memory alike, one after the other; pointers are the device's.
struct device_step {
  float* to = nullptr;
  const float* from = nullptr;  ///< may be `to`
  const void* gradient = nullptr;
  const float* x = nullptr;
  float* scratch = nullptr;  ///< `scratch_of_sample` for each, where that is not 0
  std::int64_t samples = 0;
  std::int64_t size = 0;         ///< elements of a sample
  std::int64_t per_channel = 0;  ///< elements of a channel
  device_number length;
  device_number radius;
  device_number lower;
  device_number upper;
  double most = 0;         ///< l1: how many elements a step moves
  void* stream = nullptr;  ///< cudaStream_t
  device_gradient type = device_gradient::float32;
  bool fours = false;  ///< sixteen bytes at once: the launcher finds out
};

/// Elements of a sample that a block of threads holds in its registers; larger ones go through `scratch`.
inline constexpr std::int64_t largest_in_registers = 3072;

/// Elements that a block's 512 threads take at once of what lies in `scratch`: four each.
inline constexpr std::int64_t device_round = 2048;

/// How many floats of scratch a sample of so many elements needs: three numbers an element, in whole rounds.
[[nodiscard]] constexpr std::int64_t scratch_of_sample(std::int64_t size) {
  return size <= largest_in_registers ? 0 : 3 * ((size + device_round - 1) / device_round) * device_round;
}

}  // namespace redoubt::detail

extern "C" {
/// Each queues one step on its stream and gives a cudaError_t: 0 where all is well.
__attribute__((weak)) int redoubt_cuda_step_linf(const redoubt::detail::device_step& step);
__attribute__((weak)) int redoubt_cuda_step_l2(const redoubt::detail::device_step& step);
__attribute__((weak)) int redoubt_cuda_step_l1(const redoubt::detail::device_step& step);
__attribute__((weak)) int redoubt_cuda_step_l0(const redoubt::detail::device_step& step);
}

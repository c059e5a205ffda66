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
  /// Of momentum, if not null: decay * gathered + gradient / ||gradient||_1 is written here, and gone along.
  float* gathered = nullptr;
  float* scratch = nullptr;        ///< for samples that fit nowhere else
  std::int64_t* wanted = nullptr;  ///< where scratch is missing: how many floats, and nothing is queued
  std::int64_t samples = 0;
  std::int64_t size = 0;         ///< elements of a sample
  std::int64_t per_channel = 0;  ///< elements of a channel
  device_number length;
  device_number radius;
  device_number lower;
  device_number upper;
  float decay = 1;
  double most = 0;         ///< l1: how many elements a step moves
  void* stream = nullptr;  ///< cudaStream_t
  device_gradient type = device_gradient::float32;
  bool fours = false;  ///< sixteen bytes at once: the launcher finds out
};

}  // namespace redoubt::detail

extern "C" {
/// Each queues one step on its stream and gives a cudaError_t: 0 where all is well. The current device is the stream's.
__attribute__((weak)) int redoubt_cuda_step_linf(const redoubt::detail::device_step& step);
__attribute__((weak)) int redoubt_cuda_step_l2(const redoubt::detail::device_step& step);
__attribute__((weak)) int redoubt_cuda_step_l1(const redoubt::detail::device_step& step);
__attribute__((weak)) int redoubt_cuda_step_l0(const redoubt::detail::device_step& step);
}

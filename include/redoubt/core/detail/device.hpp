#pragma once

#include <c10/core/Device.h>
#include <c10/core/DeviceGuard.h>

#include <redoubt/core/error.hpp>

extern "C" {
/// The stream, a cudaStream_t, on which LibTorch queues work for a device now; null where redoubt::cuda is not linked.
__attribute__((weak)) void* redoubt_cuda_current_stream(int device);
/// What a cudaError_t means, in words.
__attribute__((weak)) const char* redoubt_cuda_error(int error);
}

namespace redoubt::detail {

/// Calls `queue(what)`, `what` with the device's current stream: work for it, for which nobody waits.
///
/// Throws std::runtime_error, naming device and `name`, where the device refuses.
template <class Work>
void queue_on(const c10::Device& device, int (*queue)(const Work&), Work what, const char* name) {
  const c10::DeviceGuard here{device};
  what.stream = redoubt_cuda_current_stream(device.index());
  if (const int error = queue(what); error != 0) {
    fail("redoubt: ", device, " refused ", name, ": ", redoubt_cuda_error(error));
  }
}

}  // namespace redoubt::detail

// What the library asks of CUDA beside its steps.

#include <redoubt/core/detail/device.hpp>

#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

void* redoubt_cuda_current_stream(int device) {
  return c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device)).stream();
}

const char* redoubt_cuda_error(int error) {
  const auto code = static_cast<cudaError_t>(error);
  if (code == cudaErrorNoKernelImageForDevice || code == cudaErrorUnsupportedPtxVersion ||
      code == cudaErrorInvalidDeviceFunction) {
    return "its kernels were compiled for other devices: name this one's architecture in CMAKE_CUDA_ARCHITECTURES";
  }
  return cudaGetErrorString(code);
}

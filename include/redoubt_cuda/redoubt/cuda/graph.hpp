#pragma once

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <memory>

namespace redoubt::cuda {

/// Work for a GPU, queued once and repeated by one launch: a CUDA graph. Not for several threads at once.
class graph {
 public:
  /// Whether graphs can be made on `device`.
  [[nodiscard]] static bool fits(const at::Device& device) { return device.is_cuda(); }

  /// Runs `body` thrice, as what is chosen or allocated at first must not be in a graph, and once more to hold it: the
  /// memory that it uses then is the graph's.
  ///
  /// Throws what `body` throws where it waits for the GPU (`.item()`, shapes that hang on values); the context stays
  /// usable.
  template <class Body>
  void capture(const Body& body) {
    // All work before is done, and nothing of the captured runs on the caller's stream.
    c10::cuda::getCurrentCUDAStream().synchronize();
    const c10::cuda::CUDAStream aside = c10::cuda::getStreamFromPool();
    const c10::cuda::CUDAStreamGuard on{aside};
    for (int i = 0; i < 3; ++i) {
      body();
    }
    aside.synchronize();
    held_ = std::make_unique<at::cuda::CUDAGraph>();
    held_->capture_begin();
    try {
      body();
    } catch (...) {
      abandon();
      throw;
    }
    held_->capture_end();
  }

  /// Queues the work on the current stream; waits for nothing. `capture` must have come before.
  void replay() { held_->replay(); }

 private:
  // A capture that was broken is ended nevertheless: the stream would refuse all other work.
  void abandon() {
    try {
      held_->capture_end();
    } catch (...) {  // it says again what the body said
    }
    held_.reset();
    static_cast<void>(cudaGetLastError());
  }

  std::unique_ptr<at::cuda::CUDAGraph> held_;  // none is made where there is no GPU
};

}  // namespace redoubt::cuda

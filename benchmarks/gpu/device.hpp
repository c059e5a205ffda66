#pragma once

// What the benchmarks on a GPU have in common.

#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAEvent.h>
#include <benchmark/benchmark.h>
#include <cuda_runtime_api.h>

#include <cstdio>

/// Seconds of the GPU's that `work()` takes on the current stream, of so many runs in a row.
template <class Work>
double device_seconds(int runs, const Work& work) {
  at::cuda::CUDAEvent began{cudaEventDefault};
  at::cuda::CUDAEvent ended{cudaEventDefault};
  began.record();
  for (int i = 0; i < runs; ++i) {
    work();
  }
  ended.record();
  ended.synchronize();
  return static_cast<double>(began.elapsed_time(ended)) / 1e3 / runs;
}

/// Runs the benchmarks on the first GPU, whose name goes into the results; 1 where there is none.
inline int run_on_device(int argc, char** argv) {
  if (!at::cuda::is_available()) {
    std::fprintf(stderr, "no GPU that CUDA can use: these benchmarks need one\n");
    return 1;
  }
  benchmark::AddCustomContext("device", at::cuda::getCurrentDeviceProperties()->name);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

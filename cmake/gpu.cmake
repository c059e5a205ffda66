# What runs on a GPU: its tests and its benchmarks, with the kernels. Off by default, as it needs nvcc, LibTorch's CUDA
# half and a GPU; the presets gpu-test and gpu-bench turn it on.

option(REDOUBT_GPU "Build the tests and benchmarks that run on a GPU" OFF)
if(NOT REDOUBT_GPU)
  return()
endif()

if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 100) # and PTX for those to come
endif()
find_program(redoubt_nvcc nvcc PATHS "$ENV{CUDA_HOME}/bin" /usr/local/cuda/bin)
if(NOT CMAKE_CUDA_COMPILER AND redoubt_nvcc)
  set(CMAKE_CUDA_COMPILER "${redoubt_nvcc}")
endif()
enable_language(CUDA)
include(redoubtCuda)
redoubt_why_no_cuda(why)
if(why)
  message(FATAL_ERROR "redoubt: REDOUBT_GPU is ON, but ${why}")
endif()
redoubt_teach_cuda_cxx20()
redoubt_make_cuda("${PROJECT_SOURCE_DIR}/include/redoubt_cuda")

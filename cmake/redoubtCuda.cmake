# redoubt::cuda: the kernels of the balls' steps, as sources of whoever links it. Installed beside the package's config.
#
# Link it PRIVATE, and once or many times in a program: its entry points are weak, so that shared libraries and the
# program that uses them agree on one.

# What CUDA's own CMake files of 3.25 lack: nvcc's flag for C++20, which redoubt's headers ask for. A macro: it must be
# set where targets are made.
macro(redoubt_teach_cuda_cxx20)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION AND CMAKE_CUDA_COMPILER_ID STREQUAL "NVIDIA")
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
  endif()
endmacro()

# Sets `out` to "" where redoubt::cuda can be made, else to why it cannot and what to do.
function(redoubt_why_no_cuda out)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  get_target_property(root redoubt::torch redoubt_root)
  set(why "")
  if(root)
    redoubt_torch_libraries(libraries "${root}")
  endif()
  if(root AND NOT EXISTS "${libraries}/libc10_cuda.so") # first, as it takes longest to mend
    set(why "redoubt's component cuda needs a LibTorch that was built with CUDA; that in ${root} was not. \
Name another in REDOUBT_TORCH_ROOT (`pip install torch` brings one).")
  elseif(NOT "CUDA" IN_LIST languages)
    set(why "redoubt's component cuda compiles kernels: enable CUDA first, project(... LANGUAGES CXX CUDA).")
  elseif(CMAKE_CUDA_COMPILER_ID STREQUAL "NVIDIA" AND CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12)
    set(why "redoubt's component cuda needs nvcc >= 12 for C++20; ${CMAKE_CUDA_COMPILER} is ${CMAKE_CUDA_COMPILER_VERSION}.")
  endif()
  set(${out} "${why}" PARENT_SCOPE)
endfunction()

# Makes redoubt::cuda of the kernels under `folder`.
function(redoubt_make_cuda folder)
  find_package(CUDAToolkit REQUIRED)
  file(GLOB sources "${folder}/redoubt/cuda/*.cu" "${folder}/redoubt/cuda/*.cpp")
  add_library(redoubt::cuda INTERFACE IMPORTED GLOBAL)
  target_sources(redoubt::cuda INTERFACE ${sources})
  target_include_directories(redoubt::cuda INTERFACE "${folder}")
  # Projections are constexpr functions, which devices may call then.
  target_compile_options(redoubt::cuda INTERFACE "$<$<COMPILE_LANG_AND_ID:CUDA,NVIDIA>:--expt-relaxed-constexpr>")
  target_link_libraries(redoubt::cuda INTERFACE redoubt::redoubt CUDA::cudart)
  get_target_property(root redoubt::torch redoubt_root)
  if(root)
    redoubt_torch_libraries(libraries "${root}")
    # The whole CUDA half is for those who refer to it: graphs do, kernels do not.
    target_link_libraries(redoubt::cuda INTERFACE "${libraries}/libc10_cuda.so"
      "-Wl,--push-state,--as-needed,${libraries}/libtorch_cuda.so,--pop-state")
  endif()
endfunction()

# redoubt::torch for this build: a target that exists, a LibTorch that the user named or CMake finds, else the pinned one.

include(redoubtTorch)

function(redoubt_provide_torch)
  redoubt_adopt_torch(adopted ${redoubt_minimum_torch})
  if(adopted)
    return()
  endif()
  redoubt_find_torch(root ${redoubt_minimum_torch})
  if(NOT root)
    redoubt_cached(folder "torch-${redoubt_torch_version}-${CMAKE_HOST_SYSTEM_PROCESSOR}" ${redoubt_torch_megabytes}
      "Set that right, or name a LibTorch >= ${redoubt_minimum_torch} of your own: export REDOUBT_TORCH_ROOT=<its folder>."
      redoubt_fetch_wheels ${redoubt_torch_requirements})
    set(root "${folder}/torch")
  endif()
  redoubt_import_torch("${root}" "${REDOUBT_WITH_CUDA}")
endfunction()

redoubt_provide_torch()

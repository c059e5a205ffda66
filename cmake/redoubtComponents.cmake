# The components by name, as find_package(redoubt COMPONENTS ...) and REDOUBT_COMPONENTS ask for them. Installed beside the
# package's config.

include("${CMAKE_CURRENT_LIST_DIR}/redoubtCuda.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/redoubtDistributed.cmake")

# Sets `out` to "" where redoubt has such a component, whether it can be made or not, else to those that it has.
function(redoubt_why_unknown_component component out)
  set(known cuda distributed)
  if(component IN_LIST known)
    set(${out} "" PARENT_SCOPE)
  else()
    list(JOIN known ", " known)
    set(${out} "redoubt has no component \"${component}\"; it has: ${known}." PARENT_SCOPE)
  endif()
endfunction()

# Sets `out` to "" where the component can be made, else to why it cannot and what to do. It asks LibTorch, which must have
# been found.
function(redoubt_why_no_component component out)
  redoubt_why_unknown_component("${component}" why)
  if(component STREQUAL "cuda")
    redoubt_why_no_cuda(why)
  elseif(component STREQUAL "distributed")
    redoubt_why_no_distributed(why)
  endif()
  set(${out} "${why}" PARENT_SCOPE)
endfunction()

# Makes redoubt::<component>, where it is not made, of its folder below `include`. A macro for redoubt_teach_cuda_cxx20.
macro(redoubt_make_component component include)
  if("${component}" STREQUAL "cuda")
    redoubt_teach_cuda_cxx20()
    if(NOT TARGET redoubt::cuda)
      redoubt_make_cuda("${include}/redoubt_cuda")
    endif()
  elseif(NOT TARGET redoubt::distributed)
    redoubt_make_distributed("${include}/redoubt_distributed")
  endif()
endmacro()

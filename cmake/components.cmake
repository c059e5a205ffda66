# redoubt::cuda and redoubt::distributed for a project that has redoubt as a folder: it names in REDOUBT_COMPONENTS, before
# add_subdirectory or FetchContent_MakeAvailable, what find_package(redoubt COMPONENTS ...) would make.

include(redoubtComponents)

foreach(component IN LISTS REDOUBT_COMPONENTS)
  redoubt_why_no_component("${component}" why)
  if(why)
    message(FATAL_ERROR "${why}\nThe list REDOUBT_COMPONENTS asks for it.")
  endif()
  redoubt_make_component("${component}" "${PROJECT_SOURCE_DIR}/include")
endforeach()

if(TARGET redoubt::cuda)
  foreach(kind STANDARD EXTENSION) # the targets that compile kernels are the parent's
    set(CMAKE_CUDA20_${kind}_COMPILE_OPTION "${CMAKE_CUDA20_${kind}_COMPILE_OPTION}" PARENT_SCOPE)
  endforeach()
endif()

# Settings that a user gives with -D, or in the environment: `cmake --workflow` takes no -D.
#
# The environment wins and is remembered, so that what was exported once also holds when the build reconfigures itself.

macro(redoubt_setting name default description)
  set(${name} "${default}" CACHE STRING "${description}")
  if(DEFINED ENV{${name}} AND NOT "$ENV{${name}}" STREQUAL "${${name}}")
    set(${name} "$ENV{${name}}" CACHE STRING "${description}" FORCE)
  endif()
endmacro()

if(DEFINED ENV{XDG_CACHE_HOME})
  set(redoubt_default_cache "$ENV{XDG_CACHE_HOME}/redoubt")
elseif(DEFINED ENV{HOME})
  set(redoubt_default_cache "$ENV{HOME}/.cache/redoubt")
else()
  set(redoubt_default_cache "${PROJECT_SOURCE_DIR}/.cache")
endif()

redoubt_setting(REDOUBT_CACHE "${redoubt_default_cache}" "Folder that keeps what was fetched, outside every build tree")
redoubt_setting(REDOUBT_MIRROR "" "Scheme and host (and path) to fetch from in place of the projects' own hosts")
redoubt_setting(REDOUBT_TORCH_ROOT "" "Folder of a LibTorch to use: the one that holds include/ and lib/")
redoubt_setting(REDOUBT_DATASET "" "Folder that holds the four .gz files of Fashion-MNIST")
redoubt_setting(REDOUBT_WITH_CUDA AUTO "Link LibTorch's CUDA half: ON, OFF, or AUTO (where it can be loaded and used)")

# redoubt::torch: LibTorch for a host compiler. Installed beside the package's config, so that the build of redoubt and
# its consumers find LibTorch in the same way.
#
# find_package(Torch) is not used: LibTorch built for CUDA makes it demand nvcc and the whole toolkit, while the CPU half
# (libtorch_cpu and libc10) compiles, links and runs without either. A target that already exists wins: `torch` where
# the parent called find_package(Torch), `libtorch::libtorch` where Conan provides it.

# Sets `out` to the folder of the LibTorch that the user named or that CMake's search path holds, or to "". Where a third
# name is given, it becomes the list of those that were found and will not do, each with the reason.
function(redoubt_find_torch out minimum)
  foreach(name REDOUBT_TORCH_ROOT Torch_ROOT Torch_DIR)
    foreach(named "${${name}}" "$ENV{${name}}")
      if(named) # named by the user: use this one or say why not, never another
        redoubt_torch_at(root why "${named}" "${minimum}")
        if(NOT root)
          message(FATAL_ERROR "redoubt: ${name} names ${named}, which ${why}.\n"
                              "Name the folder of a LibTorch >= ${minimum}: the one that holds include/ and lib/.")
        endif()
        set(${out} "${root}" PARENT_SCOPE)
        return()
      endif()
    endforeach()
  endforeach()

  string(REPLACE ":" ";" prefixes "$ENV{CMAKE_PREFIX_PATH}")
  list(PREPEND prefixes ${CMAKE_PREFIX_PATH})
  list(APPEND prefixes ${CMAKE_SYSTEM_PREFIX_PATH} /opt/libtorch)
  find_program(python python3 NO_CACHE)
  if(python)
    execute_process(
      COMMAND "${python}" -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
      OUTPUT_VARIABLE package OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    list(APPEND prefixes ${package})
  endif()
  list(REMOVE_DUPLICATES prefixes)
  set(passed_over "")
  foreach(prefix IN LISTS prefixes)
    redoubt_torch_at(root why "${prefix}" "${minimum}")
    if(root)
      break()
    elseif(NOT why STREQUAL redoubt_no_torch)
      list(APPEND passed_over "${prefix}, which ${why}")
    endif()
  endforeach()
  set(${out} "${root}" PARENT_SCOPE)
  if(ARGC GREATER 2)
    set(${ARGV2} "${passed_over}" PARENT_SCOPE)
  endif()
endfunction()

set(redoubt_no_torch "holds no LibTorch")

# Sets `out` to the root of the LibTorch that `folder` belongs to (its root, or where its CMake files are), else `why`.
function(redoubt_torch_at out why folder minimum)
  set(${out} "" PARENT_SCOPE)
  string(REGEX REPLACE "/((share|lib|lib64)(/cmake)?(/[Tt]orch)?/?)?$" "" root "${folder}")
  redoubt_torch_libraries(libraries "${root}")
  if(NOT EXISTS "${root}/include/ATen/core/Tensor.h" OR NOT libraries)
    set(${why} "${redoubt_no_torch}" PARENT_SCOPE)
    return()
  endif()
  redoubt_why_not_this_torch(refusal "${root}" "${libraries}" "${minimum}")
  if(refusal)
    set(${why} "holds ${refusal}" PARENT_SCOPE)
    return()
  endif()
  set(${out} "${root}" PARENT_SCOPE)
endfunction()

# Sets `out` to "" where the LibTorch in `root` will do, else to what it is.
function(redoubt_why_not_this_torch out root libraries minimum)
  set(${out} "" PARENT_SCOPE)
  redoubt_torch_version(version "${root}")
  if(version VERSION_LESS minimum)
    set(${out} "LibTorch ${version}" PARENT_SCOPE)
    return()
  endif()
  # A function that takes a std::string has the string's ABI in its name: Ss is the one before C++11, St3__1 libc++'s.
  file(STRINGS "${libraries}/libc10.so" names REGEX "^_ZN3c106detail14torchCheckFail.*(RKSs|NSt3__1)" LIMIT_COUNT 1)
  if(names)
    set(${out} "LibTorch ${version} for another C++ ABI than libstdc++'s of C++11" PARENT_SCOPE)
  endif()
endfunction()

# Sets `out` to the folder of the LibTorch's libraries, or to "".
function(redoubt_torch_libraries out root)
  set(${out} "" PARENT_SCOPE)
  foreach(folder lib "lib/${CMAKE_LIBRARY_ARCHITECTURE}")
    if(EXISTS "${root}/${folder}/libtorch_cpu.so" AND EXISTS "${root}/${folder}/libc10.so")
      set(${out} "${root}/${folder}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

function(redoubt_torch_version out root)
  set(version "")
  foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    foreach(part MAJOR MINOR PATCH)
      if(EXISTS "${root}/include/${header}")
        file(STRINGS "${root}/include/${header}" line REGEX "define TORCH_VERSION_${part} [0-9]+")
        if(line MATCHES "([0-9]+)")
          list(APPEND version ${CMAKE_MATCH_1})
        endif()
      endif()
    endforeach()
    if(version)
      break()
    endif()
  endforeach()
  list(JOIN version "." version)
  set(${out} "${version}" PARENT_SCOPE)
endfunction()

# Sets `out` to ON where this LibTorch's CUDA half can be loaded, and to OFF with the reason in `why` where not.
function(redoubt_torch_cuda_loads out why libraries)
  set(${out} OFF PARENT_SCOPE)
  set(${why} "has no libtorch_cuda.so" PARENT_SCOPE)
  if(EXISTS "${libraries}/libtorch_cuda.so")
    execute_process(COMMAND ldd "${libraries}/libtorch_cuda.so" OUTPUT_VARIABLE needed ERROR_QUIET)
    string(REGEX MATCHALL "[^ \t\n]+ => not found" missing "${needed}")
    string(REPLACE " => not found" "" missing "${missing}")
    list(REMOVE_DUPLICATES missing)
    list(JOIN missing ", " missing)
    if(missing)
      set(${why} "needs ${missing}" PARENT_SCOPE)
    elseif(NOT needed)
      set(${why} "has a libtorch_cuda.so that cannot be loaded" PARENT_SCOPE)
    else()
      set(${out} ON PARENT_SCOPE)
    endif()
  endif()
endfunction()

# Decides on `wanted` (ON, OFF, AUTO). AUTO also asks for a driver or a toolkit: loading the CUDA half takes a second at
# every start, for nothing on a machine that has neither.
function(redoubt_torch_use_cuda out wanted libraries)
  set(${out} OFF PARENT_SCOPE)
  if(wanted STREQUAL "AUTO")
    find_program(nvcc nvcc PATHS "$ENV{CUDA_HOME}/bin" "$ENV{CUDA_PATH}/bin" /usr/local/cuda/bin NO_CACHE)
    if(NOT nvcc AND NOT EXISTS /proc/driver/nvidia/version)
      return()
    endif()
  elseif(NOT wanted)
    return()
  endif()
  redoubt_torch_cuda_loads(loads why "${libraries}")
  if(NOT loads AND NOT wanted STREQUAL "AUTO")
    message(FATAL_ERROR "redoubt: REDOUBT_WITH_CUDA is ${wanted}, but the LibTorch in ${libraries} ${why}.\n"
                        "Name a LibTorch with CUDA in REDOUBT_TORCH_ROOT (`pip install torch` brings one with all that "
                        "it needs), or set REDOUBT_WITH_CUDA to OFF.")
  endif()
  set(${out} ${loads} PARENT_SCOPE)
endfunction()

# Makes redoubt::torch of the LibTorch in `root`.
function(redoubt_import_torch root cuda)
  redoubt_torch_libraries(libraries "${root}")
  foreach(name c10 torch_cpu)
    add_library(redoubt::${name} SHARED IMPORTED GLOBAL)
    set_target_properties(redoubt::${name} PROPERTIES IMPORTED_LOCATION "${libraries}/lib${name}.so")
  endforeach()

  add_library(redoubt::torch INTERFACE IMPORTED GLOBAL)
  target_include_directories(redoubt::torch INTERFACE
    "${root}/include" "${root}/include/torch/csrc/api/include")
  target_compile_definitions(redoubt::torch INTERFACE _GLIBCXX_USE_CXX11_ABI=1) # the only one LibTorch >= 2.9 is built for
  # libtorch_cpu.so finds what it needs beside itself when it is loaded; the linker would look for it elsewhere
  target_link_options(redoubt::torch INTERFACE LINKER:--allow-shlib-undefined)
  redoubt_torch_use_cuda(use_cuda "${cuda}" "${libraries}")
  if(use_cuda)
    # Nothing refers to it by name: it registers its kernels when it is loaded, so it must be loaded nevertheless.
    target_link_libraries(redoubt::torch INTERFACE
      "-Wl,--push-state,--no-as-needed,${libraries}/libtorch_cuda.so,--pop-state")
  endif()
  target_link_libraries(redoubt::torch INTERFACE redoubt::torch_cpu redoubt::c10)

  set_property(TARGET redoubt::torch PROPERTY redoubt_root "${root}")
  redoubt_torch_version(version "${root}")
  if(use_cuda)
    string(APPEND version " with CUDA")
  endif()
  message(STATUS "redoubt: LibTorch ${version} in ${root}")
endfunction()

# Makes redoubt::torch of a target that somebody else already made; sets `out` to whether there was one. It is refused
# where it can be told that it will not do.
function(redoubt_adopt_torch out minimum)
  set(${out} OFF PARENT_SCOPE)
  foreach(target torch libtorch::libtorch)
    if(TARGET ${target})
      add_library(redoubt::torch INTERFACE IMPORTED GLOBAL)
      target_link_libraries(redoubt::torch INTERFACE ${target})
      redoubt_torch_of_target(root ${target})
      if(root)
        redoubt_torch_libraries(libraries "${root}")
        redoubt_why_not_this_torch(refusal "${root}" "${libraries}" "${minimum}")
        if(refusal)
          message(FATAL_ERROR "redoubt: the target ${target} that this project already has is ${refusal}, in ${root}.\n"
                              "Have find_package(Torch) find a LibTorch >= ${minimum} (`pip install torch` brings one): "
                              "name its folder in Torch_ROOT.")
        endif()
        set_property(TARGET redoubt::torch PROPERTY redoubt_root "${root}")
      endif()
      set(${out} ON PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# Sets `out` to the folder of the LibTorch that `target` stands for, or to "" where the target does not tell.
function(redoubt_torch_of_target out target)
  set(${out} "" PARENT_SCOPE)
  get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
  foreach(folder IN LISTS folders)
    get_filename_component(root "${folder}" DIRECTORY)
    redoubt_torch_libraries(libraries "${root}")
    if(libraries AND EXISTS "${root}/include/ATen/core/Tensor.h")
      set(${out} "${root}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# Third-party libraries of the tests, the benchmarks and the program: the system's, else the distribution's package
# unpacked into the cache, else the project's own release.

# Sets `out` to the cache's folder for `name`: usr/... out of a package, source/... out of a release.
function(redoubt_fetch_dependency out name)
  redoubt_cached(folder "${name}-${redoubt_${name}_version}" 100
    "See to the network and `apt-get update`, or install it: apt-get install ${redoubt_${name}_packages}."
    redoubt_fetch_package_or_url ${name})
  set(${out} "${folder}" PARENT_SCOPE)
endfunction()

# A library that is only headers: `package` and `target` as its own CMake files spell them, `header` to know it by.
function(redoubt_provide_header_library name package target header)
  find_package(${package} ${redoubt_${name}_version} CONFIG QUIET)
  if(TARGET ${target})
    return()
  endif()
  redoubt_fetch_dependency(folder ${name})
  find_path(include "${header}" NO_CACHE NO_DEFAULT_PATH REQUIRED
            PATHS "${folder}/usr/include" "${folder}/source/include" "${folder}/source")
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} INTERFACE "${include}")
endfunction()

function(redoubt_provide_zlib)
  find_package(ZLIB QUIET)
  if(TARGET ZLIB::ZLIB)
    return()
  endif()
  redoubt_fetch_dependency(folder zlib)
  if(EXISTS "${folder}/source")
    set(redoubt_zlib_source "${folder}/source")
    add_subdirectory(cmake/zlib)
  else()
    add_library(ZLIB::ZLIB STATIC IMPORTED GLOBAL)
    set_target_properties(ZLIB::ZLIB PROPERTIES
      IMPORTED_LOCATION "${folder}/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/libz.a")
    target_include_directories(ZLIB::ZLIB INTERFACE "${folder}/usr/include")
  endif()
endfunction()

function(redoubt_provide_benchmark)
  find_package(benchmark ${redoubt_benchmark_version} CONFIG QUIET)
  if(TARGET benchmark::benchmark)
    return()
  endif()
  redoubt_fetch_dependency(folder benchmark)
  if(EXISTS "${folder}/source")
    set(CMAKE_POLICY_DEFAULT_CMP0077 NEW) # its options heed these variables
    set(BENCHMARK_ENABLE_TESTING OFF)
    set(BENCHMARK_ENABLE_INSTALL OFF)
    set(BENCHMARK_ENABLE_WERROR OFF)
    set(CMAKE_COMPILE_WARNING_AS_ERROR OFF)
    set(CMAKE_MESSAGE_LOG_LEVEL WARNING)
    add_subdirectory("${folder}/source" benchmark EXCLUDE_FROM_ALL SYSTEM)
  else()
    find_package(benchmark CONFIG REQUIRED NO_DEFAULT_PATH PATHS "${folder}/usr" GLOBAL)
  endif()
endfunction()

if(REDOUBT_PROGRAM)
  redoubt_provide_header_library(cli11 CLI11 CLI11::CLI11 CLI/CLI.hpp)
  redoubt_provide_header_library(json nlohmann_json nlohmann_json::nlohmann_json nlohmann/json.hpp)
  redoubt_provide_zlib()
endif()
if(REDOUBT_TESTS)
  redoubt_provide_header_library(doctest doctest doctest::doctest doctest/doctest.h)
  redoubt_cached(redoubt_nvrtc "nvrtc-${redoubt_nvrtc_version}-${CMAKE_HOST_SYSTEM_PROCESSOR}" ${redoubt_nvrtc_megabytes}
    "See to the network, or build without the tests: -DREDOUBT_TESTS=OFF."
    redoubt_fetch_wheels ${redoubt_nvrtc_requirements})
endif()
if(REDOUBT_BENCHMARKS)
  redoubt_provide_benchmark()
endif()

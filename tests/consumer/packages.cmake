# Each way in which a project gets redoubt, from a package made here to a program that runs: a script in tests/consumer/ways
# or a section of docs/installing.md. All are without nvcc on the path, and leave nothing outside the build folder.

find_package(Python3 3.8 COMPONENTS Interpreter QUIET)

# Registers ways/<script>.cmake as consumer/<name>. SETTINGS are name=value.
function(redoubt_add_way name script)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "SETTINGS")
  list(TRANSFORM arg_SETTINGS PREPEND "-D")
  if(NOT arg_SETTINGS MATCHES "-DCXX=")
    list(APPEND arg_SETTINGS "-DCXX=${CMAKE_CXX_COMPILER}")
  endif()
  add_test(NAME consumer/${name}
    COMMAND ${without_cuda} "${CMAKE_COMMAND}" "-DSOURCE=${PROJECT_SOURCE_DIR}"
      "-DWORK=${CMAKE_CURRENT_BINARY_DIR}/ways/${name}" "-DTORCH=${torch_root}" "-DNINJA=${CMAKE_MAKE_PROGRAM}" ${arg_SETTINGS}
      -P "${CMAKE_CURRENT_SOURCE_DIR}/ways/${script}.cmake")
  set_tests_properties(consumer/${name} PROPERTIES LABELS slow TIMEOUT 1200)
endfunction()

# Says why a way is not run here; CTest shows it as disabled.
function(redoubt_disable_way name)
  message(STATUS "redoubt: consumer/${name} is not run: " ${ARGN})
  set_tests_properties(consumer/${name} PROPERTIES DISABLED ON)
endfunction()

redoubt_add_way(add_subdirectory add_subdirectory SETTINGS "NVCC=${redoubt_nvcc}")
redoubt_add_way(vcpkg vcpkg)
redoubt_add_way(archives archives)
redoubt_add_way(program program SETTINGS "BUILD=${PROJECT_BINARY_DIR}" "DATASET=${redoubt_dataset}")
find_program(redoubt_dpkg_shlibdeps dpkg-shlibdeps)
mark_as_advanced(redoubt_dpkg_shlibdeps)
if(NOT TARGET redoubt_executable)
  redoubt_disable_way(program "REDOUBT_PROGRAM is OFF")
elseif(NOT redoubt_dpkg_shlibdeps)
  redoubt_disable_way(program "there is no dpkg-shlibdeps (Debian: apt-get install dpkg-dev)")
endif()

# Conan is PyPI's; it is fetched once.
set(conan "${CMAKE_CURRENT_BINARY_DIR}/conan")
redoubt_add_way(conan conan SETTINGS "PYTHON=${Python3_EXECUTABLE}" "TOOLS=${conan}")
add_test(NAME consumer/conan_tools
  COMMAND "${CMAKE_COMMAND}" "-DPYTHON=${Python3_EXECUTABLE}" "-DTOOLS=${conan}" -DREQUIREMENT=conan==2.34.0
    -P "${CMAKE_CURRENT_SOURCE_DIR}/ways/tools.cmake")
set_tests_properties(consumer/conan_tools PROPERTIES LABELS slow FIXTURES_SETUP conan)
set_tests_properties(consumer/conan PROPERTIES FIXTURES_REQUIRED conan)

# The page that tells how to install, section by section.
function(redoubt_add_section name title)
  add_test(NAME consumer/installing.${name}
    COMMAND ${without_cuda} "Torch_ROOT=${torch_root}" "CXX=${CMAKE_CXX_COMPILER}"
      "${Python3_EXECUTABLE}" "${CMAKE_CURRENT_SOURCE_DIR}/installing.py" --source "${PROJECT_SOURCE_DIR}"
      --work "${CMAKE_CURRENT_BINARY_DIR}/installing/${name}" --section "${title}" ${ARGN})
  set_tests_properties(consumer/installing.${name} PROPERTIES LABELS slow TIMEOUT 1200)
endfunction()
redoubt_add_section(installed "Installed")
redoubt_add_section(deb "A .deb or an archive of the headers")
redoubt_add_section(folder "A folder of your project")
redoubt_add_section(fetch_content "FetchContent")
redoubt_add_section(conan "Conan" --tools "${conan}")
set_tests_properties(consumer/installing.conan PROPERTIES FIXTURES_REQUIRED conan)

if(NOT Python3_FOUND)
  foreach(name conan conan_tools installing.installed installing.deb installing.folder installing.fetch_content installing.conan)
    redoubt_disable_way(${name} "there is no python3 with pip (Debian: apt-get install python3-pip)")
  endforeach()
endif()

# The two compilers that we name as the oldest, and the newest clang that is here, each under both standards.
set(newest_clang)
foreach(number RANGE 30 15 -1)
  list(APPEND newest_clang clang++-${number})
endforeach()
find_program(redoubt_oldest_gcc NAMES g++-12)
find_program(redoubt_oldest_clang NAMES clang++-14)
find_program(redoubt_newest_clang NAMES ${newest_clang})
foreach(compiler oldest_gcc oldest_clang newest_clang)
  mark_as_advanced(redoubt_${compiler})
  redoubt_add_way(find_package.${compiler} find_package
    SETTINGS "PREFIX=${prefix}" PROJECT=project "STANDARDS=20\;23" "CXX=${redoubt_${compiler}}")
  set_tests_properties(consumer/find_package.${compiler} PROPERTIES FIXTURES_REQUIRED installed)
endforeach()
if(NOT redoubt_oldest_gcc)
  redoubt_disable_way(find_package.oldest_gcc "there is no g++-12 (Debian 12: apt-get install g++-12)")
endif()
if(NOT redoubt_oldest_clang)
  redoubt_disable_way(find_package.oldest_clang "there is no clang++-14 (Debian 12: apt-get install clang-14)")
endif()
if(NOT redoubt_newest_clang)
  redoubt_disable_way(find_package.newest_clang "there is no clang newer than 14 (Debian 12: apt-get install clang-19)")
endif()

# Another minor version of LibTorch than the build's, where one is to be had: it is half a gigabyte.
set(REDOUBT_OTHER_TORCH "$ENV{REDOUBT_OTHER_TORCH}" CACHE PATH "A second LibTorch, for the test consumer/other_torch")
redoubt_add_way(other_torch find_package
  SETTINGS "PREFIX=${prefix}" PROJECT=every_header STANDARDS=20 "TORCH=${REDOUBT_OTHER_TORCH}")
set_tests_properties(consumer/other_torch PROPERTIES FIXTURES_REQUIRED installed)
if(NOT REDOUBT_OTHER_TORCH)
  redoubt_disable_way(other_torch "REDOUBT_OTHER_TORCH names no second LibTorch")
endif()

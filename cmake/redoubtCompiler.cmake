# Whether the C++ compiler takes redoubt's headers. Installed beside the package's config, so that the build of redoubt and
# its consumers ask for the same and say the same.

set(redoubt_minimum_GNU 12)
set(redoubt_minimum_Clang 14)

# Sets `out` to "" where the compiler will do, else to what it is, what is needed and how to get it. Compilers that we have
# not tried pass where CMake knows that they have C++20.
function(redoubt_why_not_this_compiler out)
  set(minimum "${redoubt_minimum_${CMAKE_CXX_COMPILER_ID}}")
  set(${out} "" PARENT_SCOPE)
  if(minimum STREQUAL "" AND CMAKE_CXX_COMPILE_FEATURES MATCHES "cxx_std_20")
    return()
  elseif(minimum STREQUAL "" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS minimum)
    set(${out} "${CMAKE_CXX_COMPILER} is ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}; \
redoubt needs C++20: g++ >= ${redoubt_minimum_GNU} or clang >= ${redoubt_minimum_Clang}.
Install one (Debian 12: apt-get install g++), name it (export CXX=g++-12), and delete ${CMAKE_BINARY_DIR}." PARENT_SCOPE)
  endif()
endfunction()

# Sets `out` to "" where std::string is the one that LibTorch is built with, else to what it is and how to change it. The
# flags that decide are asked by compiling, for they come from many places.
function(redoubt_why_another_abi out)
  include(CheckCXXSourceCompiles)
  get_directory_property(definitions COMPILE_DEFINITIONS)
  list(TRANSFORM definitions PREPEND "-D")
  get_directory_property(options COMPILE_OPTIONS)
  list(APPEND options ${definitions})
  list(FILTER options INCLUDE REGEX "^-(stdlib=|D_GLIBCXX_USE_CXX11_ABI)")
  set(CMAKE_REQUIRED_FLAGS "")
  set(CMAKE_REQUIRED_DEFINITIONS ${options})
  set(CMAKE_REQUIRED_LIBRARIES "")
  set(CMAKE_REQUIRED_QUIET ON)
  check_cxx_source_compiles("
    #include <string>
    #if !defined(__GLIBCXX__) || !_GLIBCXX_USE_CXX11_ABI
    #error another
    #endif
    int main() {}" redoubt_abi_of_libtorch)
  set(${out} "" PARENT_SCOPE)
  if(NOT redoubt_abi_of_libtorch)
    set(${out} "std::string is not the one that LibTorch is built with: libstdc++'s of C++11.
Compile without -stdlib=libc++ and without _GLIBCXX_USE_CXX11_ABI=0 (here: \"${CMAKE_CXX_FLAGS} ${options}\"), and delete ${CMAKE_BINARY_DIR}." PARENT_SCOPE)
  endif()
endfunction()

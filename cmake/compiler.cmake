# What this build asks of the compiler, and how many of it may run at once. Nothing here reaches a consumer.

include("${CMAKE_CURRENT_LIST_DIR}/redoubtCompiler.cmake")
redoubt_why_not_this_compiler(why)
if(NOT why AND CMAKE_CXX_COMPILER_LOADED)
  redoubt_why_another_abi(why)
endif()
if(why)
  message(FATAL_ERROR "redoubt: ${why}")
endif()

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# A file that includes LibTorch takes up to 1.5 GB to compile: memory, not cores, may be what runs out first.
cmake_host_system_information(RESULT redoubt_cores QUERY NUMBER_OF_LOGICAL_CORES)
cmake_host_system_information(RESULT redoubt_memory QUERY TOTAL_PHYSICAL_MEMORY)
math(EXPR redoubt_compile_jobs "${redoubt_memory} / 2000")
if(redoubt_compile_jobs GREATER redoubt_cores)
  set(redoubt_compile_jobs ${redoubt_cores})
elseif(redoubt_compile_jobs LESS 1)
  set(redoubt_compile_jobs 1)
endif()
set_property(GLOBAL APPEND PROPERTY JOB_POOLS compile=${redoubt_compile_jobs})
set(CMAKE_JOB_POOL_COMPILE compile)
set(CMAKE_JOB_POOL_PRECOMPILE_HEADER compile)

find_program(redoubt_ccache ccache)
if(redoubt_ccache AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without these ccache refuses to keep what was compiled with a precompiled header.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime "${redoubt_ccache}")
endif()

# A hundred tests are linked: gold, part of Debian 12's binutils, takes a third of the time that ld takes.
include(CheckLinkerFlag)
check_linker_flag(CXX -fuse-ld=gold redoubt_has_gold)
if(redoubt_has_gold)
  add_link_options(-fuse-ld=gold)
endif()

# For our own targets alone: link it PRIVATE. A compiler newer than ours may know warnings that we do not: whom they stop
# sets CMAKE_COMPILE_WARNING_AS_ERROR to OFF.
option(CMAKE_COMPILE_WARNING_AS_ERROR "Let no warning pass in redoubt's own code" ON)
add_library(redoubt_warnings INTERFACE)
target_compile_options(redoubt_warnings INTERFACE -Wall -Wextra -Wconversion -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # It reports std::string's own operator+ as overlapping copies: https://gcc.gnu.org/bugzilla/show_bug.cgi?id=105651
  target_compile_options(redoubt_warnings INTERFACE -Wno-restrict)
endif()

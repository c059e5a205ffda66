# The target lint: clang-format and clang-tidy over our own files. In the preset lint the compiler is clang, so that
# clang-tidy sees flags that it understands and no precompiled header of another compiler.

file(GLOB_RECURSE redoubt_own_files CONFIGURE_DEPENDS
  include/*.hpp examples/*.hpp examples/*.cpp tests/*.hpp tests/*.cpp benchmarks/*.hpp benchmarks/*.cpp)
set(redoubt_own_sources ${redoubt_own_files})
list(FILTER redoubt_own_sources INCLUDE REGEX "\\.cpp$")
list(FILTER redoubt_own_sources EXCLUDE REGEX "/tests/(consumer|compile_fail)/") # not in our compile commands

find_program(redoubt_clang_format NAMES clang-format clang-format-14)
find_program(redoubt_run_clang_tidy NAMES run-clang-tidy run-clang-tidy-14)
if(redoubt_clang_format)
  add_custom_target(format_check
    COMMAND "${redoubt_clang_format}" --dry-run --Werror ${redoubt_own_files}
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "clang-format" VERBATIM)
endif()
if(redoubt_clang_format AND redoubt_run_clang_tidy)
  add_custom_target(lint
    COMMAND "${redoubt_run_clang_tidy}" -quiet -j ${redoubt_compile_jobs} -p "${PROJECT_BINARY_DIR}" ${redoubt_own_sources}
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "clang-tidy" USES_TERMINAL VERBATIM)
  add_dependencies(lint format_check)
else()
  add_custom_target(lint
    COMMAND "${CMAKE_COMMAND}" -E echo "lint needs clang-format and clang-tidy (Debian: apt-get install clang-format clang-tidy)"
    COMMAND "${CMAKE_COMMAND}" -E false VERBATIM)
endif()

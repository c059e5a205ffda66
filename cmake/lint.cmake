# The target lint: clang-format and clang-tidy over our own files. In the preset lint the compiler is clang, so that
# clang-tidy sees flags that it understands and no precompiled header of another compiler.

file(GLOB_RECURSE redoubt_own_files CONFIGURE_DEPENDS
  include/*.hpp examples/*.hpp examples/*.cpp tests/*.hpp tests/*.cpp benchmarks/*.hpp benchmarks/*.cpp)

find_program(redoubt_clang_format NAMES clang-format clang-format-14)
find_program(redoubt_run_clang_tidy NAMES run-clang-tidy run-clang-tidy-14)

# LibTorch's headers take clang-tidy half a minute a file, so the tests, which are many, are joined by area: a file of
# all their includes, then each test in a namespace of its own, where its includes have nothing left to say. Their
# compile commands are all that is wanted of the libraries; nothing builds them.
function(redoubt_lint_joined out area)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/${area}/*_test.cpp")
  list(FILTER tests EXCLUDE REGEX "/drift/detector_test") # replaces operator new, which belongs into no namespace
  set(at_most 12) # a joined file: both compile jobs then have some to do
  set(made)
  set(number 0)
  while(TRUE)
    list(LENGTH tests count)
    math(EXPR first "${number} * ${at_most}")
    if(first GREATER_EQUAL count)
      break()
    endif()
    list(SUBLIST tests ${first} ${at_most} joined)
    set(includes)
    set(bodies)
    foreach(test IN LISTS joined)
      get_filename_component(folder "${test}" DIRECTORY)
      get_filename_component(name "${test}" NAME_WE)
      file(STRINGS "${test}" lines REGEX "^#include ")
      list(TRANSFORM lines REPLACE " +//.*$" "")
      list(TRANSFORM lines REPLACE "\"(.*)\"" "\"${folder}/\\1\"")
      foreach(line IN LISTS lines)
        # A path of the program's is none beside the test.
        string(REGEX REPLACE "^.*\"(.*)\".*$" "\\1" path "${line}")
        if(line MATCHES "\"" AND NOT EXISTS "${path}")
          string(REPLACE "${folder}/" "" line "${line}")
        endif()
        list(APPEND includes "${line}")
      endforeach()
      string(APPEND bodies "namespace lint_${name} {\n#include \"${test}\" // NOLINT(bugprone-suspicious-include)\n}\n")
    endforeach()
    list(REMOVE_DUPLICATES includes)
    # doctest before our own headers, some of which use it, and after LibTorch's that has a macro CHECK, too.
    set(own ${includes})
    list(FILTER own INCLUDE REGEX "\"")
    list(REMOVE_ITEM includes ${own} "#include <doctest/doctest.h>")
    if(NOT area STREQUAL "drift")
      list(APPEND includes "#include <c10/util/Logging.h>")
    endif()
    list(APPEND includes "#include <doctest/doctest.h>" ${own})
    list(JOIN includes "\n" includes)
    set(file "${PROJECT_BINARY_DIR}/lint/${area}_${number}.cpp")
    file(CONFIGURE OUTPUT "${file}" CONTENT "@includes@\n@bodies@" @ONLY)
    list(APPEND made "${file}")
    math(EXPR number "${number} + 1")
  endwhile()
  add_library(redoubt_lint_${area} OBJECT EXCLUDE_FROM_ALL ${made})
  target_link_libraries(redoubt_lint_${area} PRIVATE redoubt_test_main redoubt_warnings redoubt::redoubt)
  if(area STREQUAL "program")
    target_link_libraries(redoubt_lint_${area} PRIVATE redoubt_program_server)
  elseif(area STREQUAL "distributed")
    target_link_libraries(redoubt_lint_${area} PRIVATE redoubt::distributed)
  endif()
  set(${out} ${${out}} ${made} PARENT_SCOPE)
endfunction()

if(redoubt_clang_format)
  add_custom_target(format_check
    COMMAND "${redoubt_clang_format}" --dry-run --Werror ${redoubt_own_files}
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "clang-format" VERBATIM)
endif()
if(redoubt_clang_format AND redoubt_run_clang_tidy AND REDOUBT_TESTS AND REDOUBT_PROGRAM)
  set(linted ${redoubt_own_files})
  list(FILTER linted INCLUDE REGEX "/(examples|benchmarks)/.*\\.cpp$")
  list(FILTER linted EXCLUDE REGEX "/benchmarks/gpu/") # they are compiled with CUDA's headers alone
  list(APPEND linted "${PROJECT_SOURCE_DIR}/tests/main.cpp" "${PROJECT_SOURCE_DIR}/tests/drift/detector_test.cpp")
  foreach(area attack core distributed drift evaluate loss model norm program train watch)
    redoubt_lint_joined(linted ${area})
  endforeach()
  add_custom_target(lint
    COMMAND "${redoubt_run_clang_tidy}" -quiet -j ${redoubt_compile_jobs} -p "${PROJECT_BINARY_DIR}" ${linted}
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" COMMENT "clang-tidy" USES_TERMINAL VERBATIM)
  add_dependencies(lint format_check)
else()
  add_custom_target(lint
    COMMAND "${CMAKE_COMMAND}" -E echo
      "lint needs clang-format and clang-tidy (Debian: apt-get install clang-format clang-tidy), the tests and the program"
    COMMAND "${CMAKE_COMMAND}" -E false VERBATIM)
endif()

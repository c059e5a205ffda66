# Compiles SOURCE with COMPILER and checks what comes of it:
#   a .hpp is precompiled to OUTPUT/parts.hpp.gch, for the others;
#   a .cpp without a line "// expect: TEXT" must compile;
#   a .cpp with such lines must not, and each TEXT must stand within the first ten lines of what the compiler says, not
#   counting those that say which header includes which.
cmake_minimum_required(VERSION 3.25.1)
get_filename_component(folder "${SOURCE}" DIRECTORY)
set(compile "${COMPILER}" -std=c++20 -Wno-unused "@${FLAGS}")

if(SOURCE MATCHES "\\.hpp$")
  file(MAKE_DIRECTORY "${OUTPUT}")
  file(WRITE "${OUTPUT}/parts.hpp" "#include \"${SOURCE}\"\n")
  execute_process(COMMAND ${compile} -x c++-header "${OUTPUT}/parts.hpp" -o "${OUTPUT}/parts.hpp.gch"
    COMMAND_ERROR_IS_FATAL ANY)
  return()
endif()

execute_process(COMMAND ${compile} -fsyntax-only -include "${OUTPUT}/parts.hpp" "${SOURCE}"
  RESULT_VARIABLE failed ERROR_VARIABLE said OUTPUT_VARIABLE said)
file(STRINGS "${SOURCE}" expectations REGEX "^// expect: ")
if(NOT expectations)
  if(failed)
    message(FATAL_ERROR "${SOURCE} must compile:\n${said}")
  endif()
  return()
endif()
if(NOT failed)
  message(FATAL_ERROR "${SOURCE} must not compile")
endif()
string(REPLACE ";" "," said "${said}")
string(REPLACE "\n" ";" lines "${said}")
list(FILTER lines EXCLUDE REGEX "^(In file included from| +from) ")
list(SUBLIST lines 0 10 lines)
list(JOIN lines "\n" beginning)
foreach(expectation IN LISTS expectations)
  string(REPLACE "// expect: " "" expectation "${expectation}")
  string(FIND "${beginning}" "${expectation}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "The first ten lines do not say \"${expectation}\":\n${beginning}")
  endif()
endforeach()

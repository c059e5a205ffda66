# Checks that CHANGELOG.md and CITATION.cff name the version of include/redoubt/core/version.hpp.
cmake_minimum_required(VERSION 3.25.1)
file(STRINGS "${SOURCE}/include/redoubt/core/version.hpp" version REGEX "version = \"[0-9.]+\"")
string(REGEX REPLACE ".*\"([0-9.]+)\".*" "\\1" version "${version}")

file(STRINGS "${SOURCE}/CHANGELOG.md" changed REGEX "^## [0-9]+\\.[0-9]+\\.[0-9]+" LIMIT_COUNT 1)
if(NOT changed MATCHES "^## ${version}( |$)")
  message(FATAL_ERROR "version.hpp says ${version}; the newest entry of CHANGELOG.md is \"${changed}\": begin one")
endif()
file(STRINGS "${SOURCE}/CITATION.cff" cited REGEX "^version: ")
if(NOT cited STREQUAL "version: ${version}")
  message(FATAL_ERROR "version.hpp says ${version}; CITATION.cff says \"${cited}\": write it there, too")
endif()

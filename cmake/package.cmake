# Packages to hand out: `cpack -G "DEB;TGZ"` in the build folder makes one of the headers and, where it is built, one of
# the program.
#
# The headers need nothing of this machine. The program takes along, into lib/redoubt, all that it loads and that is not
# the system's own: LibTorch above all, of which no distribution has a version that is new enough. It then runs wherever
# glibc is no older than here, and no LibTorch of the user's can be the wrong one.

set(CPACK_COMPONENTS_ALL headers)
install(FILES LICENSE DESTINATION share/doc/redoubt-dev RENAME copyright COMPONENT headers)

if(TARGET redoubt_executable)
  list(APPEND CPACK_COMPONENTS_ALL program)
  set(redoubt_closure lib/redoubt)
  set_target_properties(redoubt_executable PROPERTIES INSTALL_RPATH "$ORIGIN/../${redoubt_closure}")
  # Not part of a plain `cmake --install`, which is for the headers: --component program.
  install(TARGETS redoubt_executable RUNTIME_DEPENDENCY_SET redoubt_closure
    RUNTIME DESTINATION bin COMPONENT program EXCLUDE_FROM_ALL)
  install(RUNTIME_DEPENDENCY_SET redoubt_closure
    PRE_EXCLUDE_REGEXES "^(ld-linux.*|lib(c|m|dl|rt|util|pthread|gcc_s|stdc\\+\\+)\\.so.*)$"
    POST_EXCLUDE_REGEXES "^/(usr/)?lib(64)?/"
    LIBRARY DESTINATION "${redoubt_closure}" COMPONENT program EXCLUDE_FROM_ALL)
  # The terms of what is taken along, where a wheel states them.
  get_target_property(redoubt_torch_root redoubt::torch redoubt_root)
  file(GLOB redoubt_terms "${redoubt_torch_root}/../*.dist-info/licenses")
  foreach(folder IN LISTS redoubt_terms)
    string(REGEX REPLACE ".*/([^/]+)-[^/]*\\.dist-info/licenses$" "\\1" name "${folder}")
    install(DIRECTORY "${folder}/" DESTINATION "share/doc/redoubt/${name}" COMPONENT program EXCLUDE_FROM_ALL)
  endforeach()
  install(FILES LICENSE DESTINATION share/doc/redoubt RENAME copyright COMPONENT program EXCLUDE_FROM_ALL)
endif()

set(CPACK_PACKAGE_NAME redoubt)
set(CPACK_PACKAGE_VENDOR "the redoubt maintainers")
set(CPACK_PACKAGE_CONTACT "the redoubt maintainers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_VERBATIM_VARIABLES ON)

set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_ARCHIVE_HEADERS_FILE_NAME "redoubt-dev-${PROJECT_VERSION}")
set(CPACK_ARCHIVE_PROGRAM_FILE_NAME "redoubt-${PROJECT_VERSION}-${CMAKE_SYSTEM_PROCESSOR}")

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd) # half a gigabyte in seconds
set(CPACK_DEBIAN_HEADERS_PACKAGE_NAME redoubt-dev)
set(CPACK_DEBIAN_HEADERS_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_HEADERS_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_HEADERS_PACKAGE_RECOMMENDS "cmake (>= 3.25), g++ (>= 4:12) | clang (>= 1:14)")
set(CPACK_COMPONENT_HEADERS_DESCRIPTION "The headers, for find_package(redoubt). They need a LibTorch >= ${redoubt_minimum_torch}, \
which Debian does not have: `pip install torch` brings one.")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME redoubt)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON) # the system's own libraries, by dpkg-shlibdeps
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "The program, with the LibTorch that it was built with.")

include(CPack)

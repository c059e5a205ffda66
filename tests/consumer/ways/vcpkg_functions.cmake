# Stand-ins for the functions of vcpkg that our portfile calls, written after its documentation, and what runs a portfile
# over them. They show that the portfile installs what a consumer finds; they do not resolve dependencies, and are not
# vcpkg's own checks of what a port installs.
#
# Settings: PORT_FOLDER, VERSION, PACKAGES (what is installed), BUILDTREES, DOWNLOADS, CXX, NINJA.
cmake_minimum_required(VERSION 3.25.1)

set(PORT redoubt)
set(CURRENT_PACKAGES_DIR "${PACKAGES}")

# The release of a repository: unpacked out of DOWNLOADS, where it must already be and have the right hash.
function(vcpkg_from_github)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "OUT_SOURCE_PATH;REPO;REF;SHA512;HEAD_REF" "")
  string(REPLACE "/" "-" name "${arg_REPO}-${arg_REF}.tar.gz")
  file(SHA512 "${DOWNLOADS}/${name}" sha512)
  if(NOT sha512 STREQUAL arg_SHA512)
    message(FATAL_ERROR "${name} has the SHA-512 ${sha512}, not ${arg_SHA512}.")
  endif()
  file(ARCHIVE_EXTRACT INPUT "${DOWNLOADS}/${name}" DESTINATION "${BUILDTREES}/source")
  file(GLOB top "${BUILDTREES}/source/*")
  set(${arg_OUT_SOURCE_PATH} "${top}" PARENT_SCOPE)
endfunction()

function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${BUILDTREES}/build" -G Ninja
    "-DCMAKE_MAKE_PROGRAM=${NINJA}" "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_INSTALL_PREFIX=${PACKAGES}"
    -DCMAKE_INSTALL_LIBDIR:STRING=lib -DCMAKE_ERROR_ON_ABSOLUTE_INSTALL_DESTINATION=ON ${arg_OPTIONS}
    COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(vcpkg_cmake_install)
  execute_process(COMMAND "${CMAKE_COMMAND}" --build "${BUILDTREES}/build" --target install COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Moves the config to share/<port>, and has it look for the prefix two folders up from there.
function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "CONFIG_PATH" "")
  file(GLOB files "${PACKAGES}/${arg_CONFIG_PATH}/*.cmake")
  file(COPY ${files} DESTINATION "${PACKAGES}/share/${PORT}")
  get_filename_component(parent "${PACKAGES}/${arg_CONFIG_PATH}" DIRECTORY)
  file(REMOVE_RECURSE "${parent}")
  file(GLOB files "${PACKAGES}/share/${PORT}/*.cmake")
  foreach(file IN LISTS files)
    file(READ "${file}" text)
    string(REGEX REPLACE "(PACKAGE_PREFIX_DIR \"[^\"]*LIST_DIR}/)[./]*\"" "\\1../..\"" text "${text}")
    set(up "get_filename_component(_IMPORT_PREFIX \"\${_IMPORT_PREFIX}\" PATH)\n")
    string(REPLACE "${up}${up}${up}" "${up}${up}" text "${text}")
    file(WRITE "${file}" "${text}")
  endforeach()
endfunction()

function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
  file(INSTALL ${arg_FILE_LIST} DESTINATION "${PACKAGES}/share/${PORT}" RENAME copyright)
endfunction()

include("${PORT_FOLDER}/portfile.cmake")

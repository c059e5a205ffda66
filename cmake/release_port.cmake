# Writes the port for a registry: ports/redoubt, of a release in place of the checkout.
#
#   cmake -DREPO=owner/name -DARCHIVE=the-release.tar.gz -DOUT=folder -P cmake/release_port.cmake
#
# ARCHIVE is what the host delivers for the tag v<version>; its SHA-512 goes into the port.
cmake_minimum_required(VERSION 3.25.1)
foreach(name REPO ARCHIVE OUT)
  if(NOT ${name})
    message(FATAL_ERROR "release_port.cmake: name ${name}: -DREPO=owner/name -DARCHIVE=file.tar.gz -DOUT=folder.")
  endif()
endforeach()

set(port "${CMAKE_CURRENT_LIST_DIR}/../ports/redoubt")
file(SHA512 "${ARCHIVE}" sha512)
file(READ "${port}/portfile.cmake" text)
set(checkout "# As an overlay.*ABSOLUTE\\)\n")
set(release "vcpkg_from_github(
    OUT_SOURCE_PATH SOURCE_PATH
    REPO ${REPO}
    REF \"v\${VERSION}\"
    SHA512 ${sha512}
    HEAD_REF main
)
")
if(NOT text MATCHES "${checkout}")
  message(FATAL_ERROR "release_port.cmake: ${port}/portfile.cmake no longer says where the checkout is.")
endif()
string(REGEX REPLACE "${checkout}" "${release}" text "${text}")
file(MAKE_DIRECTORY "${OUT}")
file(WRITE "${OUT}/portfile.cmake" "${text}")
file(COPY "${port}/vcpkg.json" "${port}/usage" DESTINATION "${OUT}")

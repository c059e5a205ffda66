set(VCPKG_BUILD_TYPE release) # headers: for debugging they are the same

# As an overlay the port packages the checkout that it lies in. cmake/release_port.cmake puts a release's address here.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DREDOUBT_PROGRAM=OFF
        -DREDOUBT_TESTS=OFF
        -DREDOUBT_BENCHMARKS=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/redoubt)

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/share/doc") # the licence is installed below, where vcpkg has it
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")

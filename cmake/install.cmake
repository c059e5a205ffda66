# The installed package: headers, and share/cmake/redoubt for find_package(redoubt).

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME headers) # of all in this folder; the program is a component of its own
set(redoubt_config_folder "${CMAKE_INSTALL_DATADIR}/cmake/redoubt")
set(REDOUBT_TORCH_PACKAGE "" CACHE STRING "For packagers: whose find_package makes LibTorch's target, if not redoubt itself")
mark_as_advanced(REDOUBT_TORCH_PACKAGE)

install(TARGETS redoubt EXPORT redoubtTargets FILE_SET HEADERS)
install(EXPORT redoubtTargets NAMESPACE redoubt:: DESTINATION "${redoubt_config_folder}")

# The kernels: sources of whoever asks for the component cuda.
install(DIRECTORY include/redoubt_cuda DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")

# Training by many processes: of the component distributed.
install(DIRECTORY include/redoubt/distributed DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/redoubt")
install(DIRECTORY include/redoubt_distributed DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")

configure_package_config_file(cmake/redoubtConfig.cmake.in "${PROJECT_BINARY_DIR}/redoubtConfig.cmake"
  INSTALL_DESTINATION "${redoubt_config_folder}" NO_SET_AND_CHECK_MACRO)
# Headers are the same for every architecture: the default would refuse one that packaged them on another.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/redoubtConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(
  FILES "${PROJECT_BINARY_DIR}/redoubtConfig.cmake" "${PROJECT_BINARY_DIR}/redoubtConfigVersion.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/redoubtTorch.cmake" "${PROJECT_SOURCE_DIR}/cmake/redoubtCompiler.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/redoubtComponents.cmake" "${PROJECT_SOURCE_DIR}/cmake/redoubtCuda.cmake"
        "${PROJECT_SOURCE_DIR}/cmake/redoubtDistributed.cmake"
  DESTINATION "${redoubt_config_folder}")

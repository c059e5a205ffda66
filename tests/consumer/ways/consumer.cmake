# What the ways have in common. Each is a script that gets redoubt as a user would, below WORK, and then builds and runs a
# project that uses it. Settings: SOURCE (redoubt's), WORK, TORCH (LibTorch's folder), CXX, NINJA.
cmake_minimum_required(VERSION 3.25.1)

file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")

# Runs a command, which ends the script where it fails.
function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${WORK}" COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Configures `project` of tests/consumer, builds it and runs its program.
function(build_and_run project)
  run("${CMAKE_COMMAND}" -S "${SOURCE}/tests/consumer/${project}" -B "${WORK}/${project}" -G Ninja
      "-DCMAKE_MAKE_PROGRAM=${NINJA}" "-DCMAKE_CXX_COMPILER=${CXX}" "-DTorch_ROOT=${TORCH}" ${ARGN})
  run("${CMAKE_COMMAND}" --build "${WORK}/${project}")
  run("${WORK}/${project}/consumer")
endfunction()

# Configures redoubt for those who package the headers: without LibTorch.
function(configure_headers folder)
  run("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${folder}" -G Ninja "-DCMAKE_MAKE_PROGRAM=${NINJA}" "-DCMAKE_CXX_COMPILER=${CXX}"
      -DREDOUBT_PROGRAM=OFF -DREDOUBT_TESTS=OFF -DREDOUBT_BENCHMARKS=OFF)
endfunction()

# Makes the .deb and the .tar.gz of the component `component` of redoubt's build in `build`.
function(make_packages build component)
  foreach(generator DEB TGZ)
    run("${CMAKE_CPACK_COMMAND}" --config "${build}/CPackConfig.cmake" -D CPACK_COMPONENTS_ALL=${component}
        -G ${generator} -B "${WORK}/packages")
  endforeach()
endfunction()

# Unpacks the archive `file` of "${WORK}/packages" into `folder`.
function(unpack file folder)
  file(ARCHIVE_EXTRACT INPUT "${WORK}/packages/${file}" DESTINATION "${folder}")
endfunction()

# Puts what a release holds for its users into `folder`, in one top folder as hosts do.
function(make_release folder)
  file(COPY "${SOURCE}/CMakeLists.txt" "${SOURCE}/LICENSE" "${SOURCE}/cmake" "${SOURCE}/include" "${SOURCE}/ports"
       "${SOURCE}/conanfile.py" "${SOURCE}/test_package" DESTINATION "${folder}"
       PATTERN build EXCLUDE PATTERN CMakeUserPresets.json EXCLUDE)
endfunction()

# Sets `out` to the version of these headers.
function(version_of_headers out)
  file(STRINGS "${SOURCE}/include/redoubt/core/version.hpp" line REGEX "version = \"[0-9.]+\"")
  string(REGEX REPLACE ".*\"([0-9.]+)\".*" "\\1" version "${line}")
  set(${out} "${version}" PARENT_SCOPE)
endfunction()

function(expect what)
  if(NOT (${ARGN}))
    message(FATAL_ERROR "Expected: ${what}")
  endif()
endfunction()

include("${CMAKE_CURRENT_LIST_DIR}/consumer.cmake")
build_and_run(add_subdirectory "-DREDOUBT_SOURCE=${SOURCE}")
run("${WORK}/add_subdirectory/distributed")

# A component that there is not: one message.
execute_process(COMMAND "${CMAKE_COMMAND}" "${WORK}/add_subdirectory" -DREDOUBT_COMPONENTS=distributed\;no_such_component
  RESULT_VARIABLE code OUTPUT_QUIET ERROR_VARIABLE said)
expect("a component that there is not ends configuring" code)
expect("the message names it, not \"${said}\"" said MATCHES
  "redoubt has no component .no_such_component.. it has: cuda, distributed")

# The kernels, where there is an nvcc: found and compiled from the folder, as from a package.
if(NVCC)
  run("${CMAKE_COMMAND}" -S "${SOURCE}/tests/consumer/cuda_project" -B "${WORK}/cuda" -G Ninja "-DCMAKE_MAKE_PROGRAM=${NINJA}"
      "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CUDA_COMPILER=${NVCC}" "-DTorch_ROOT=${TORCH}" "-DREDOUBT_SOURCE=${SOURCE}")
  run("${CMAKE_COMMAND}" --build "${WORK}/cuda" --target first)
endif()

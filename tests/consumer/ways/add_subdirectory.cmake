include("${CMAKE_CURRENT_LIST_DIR}/consumer.cmake")
build_and_run(add_subdirectory "-DREDOUBT_SOURCE=${SOURCE}")

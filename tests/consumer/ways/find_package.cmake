# The installed package, in PREFIX, under each standard: what a consumer of this compiler sees.
include("${CMAKE_CURRENT_LIST_DIR}/consumer.cmake")
foreach(standard IN LISTS STANDARDS)
  build_and_run(${PROJECT} "-DCMAKE_PREFIX_PATH=${PREFIX}" -DCMAKE_CXX_STANDARD=${standard})
endforeach()

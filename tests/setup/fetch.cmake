# What fetch_test.py runs: the cache and one way to fetch, as the build uses them, with what -D says.
cmake_minimum_required(VERSION 3.25.1)
list(APPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../cmake")
include(cache)
include(fetch)
redoubt_cached(folder thing ${MEGABYTES} "This is the advice." ${FETCH} ${ARGUMENTS})
message(STATUS "folder: ${folder}")

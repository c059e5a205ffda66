# Debian's package of Prometheus, which has promtool, unpacked into FOLDER unless it is there: it needs no root.
#     cmake -D FOLDER=... -P fetch_prometheus.cmake
include("${CMAKE_CURRENT_LIST_DIR}/../../cmake/fetch.cmake")
if(EXISTS "${FOLDER}/usr/bin/promtool")
  return()
endif()
file(MAKE_DIRECTORY "${FOLDER}")
redoubt_fetch_packages(error "${FOLDER}" prometheus)
if(error)
  message(FATAL_ERROR "cannot fetch Prometheus: ${error}. See to the network, or: apt-get install prometheus")
endif()

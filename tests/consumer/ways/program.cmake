# The packages of the program: unpacked elsewhere they find what they load within themselves or in the system. BUILD is
# redoubt's build folder, DATASET that of the data set.
include("${CMAKE_CURRENT_LIST_DIR}/consumer.cmake")
make_packages("${BUILD}" program)
version_of_headers(version)

# Runs the program of `prefix` as nobody in particular would, and looks at what it loads.
function(run_unpacked prefix)
  set(program "${CMAKE_COMMAND}" -E env --unset=LD_LIBRARY_PATH "${prefix}/bin/redoubt")
  run(${program} train --data "${DATASET}" --attack none --epochs 1 --batch 2048 --out "${WORK}/model.pt")
  run(${program} evaluate --model "${WORK}/model.pt" --images "${DATASET}/t10k-images-idx3-ubyte.gz"
      --labels "${DATASET}/t10k-labels-idx1-ubyte.gz" --limit 200 --attack fgsm)
  execute_process(COMMAND ldd "${prefix}/bin/redoubt" OUTPUT_VARIABLE loaded COMMAND_ERROR_IS_FATAL ANY)
  expect("all is found that the program loads:\n${loaded}" NOT loaded MATCHES "not found")
  string(REGEX MATCHALL "=> [^ \n]+" paths "${loaded}")
  foreach(path IN LISTS paths)
    expect("${path} is the system's or the package's" path MATCHES "^=> (/lib|/usr/lib|${prefix})")
  endforeach()
  expect("LibTorch is the package's" loaded MATCHES "libtorch_cpu.so => ${prefix}")
endfunction()

file(GLOB deb "${WORK}/packages/redoubt_${version}_*.deb")
execute_process(COMMAND dpkg -f "${deb}" Depends OUTPUT_VARIABLE depends COMMAND_ERROR_IS_FATAL ANY)
message(STATUS "Depends: ${depends}")
foreach(package libc6 libstdc\\+\\+6 zlib1g)
  expect("the .deb depends on ${package} of a version:\n${depends}" depends MATCHES "${package} \\(>= ")
endforeach()
run(dpkg -x "${deb}" "${WORK}/deb")
run_unpacked("${WORK}/deb/usr")
expect("the .deb states its licence" EXISTS "${WORK}/deb/usr/share/doc/redoubt/copyright")

file(GLOB archive RELATIVE "${WORK}/packages" "${WORK}/packages/redoubt-${version}-*.tar.gz")
unpack("${archive}" "${WORK}/tgz")
run_unpacked("${WORK}/tgz")
file(REMOVE_RECURSE "${WORK}") # a gigabyte and a half

# The vcpkg port, in both its forms: the overlay in this checkout, and the one for a registry, of a release. Each portfile
# runs over vcpkg_functions.cmake, and a project finds what it installed.
include("${CMAKE_CURRENT_LIST_DIR}/consumer.cmake")

file(READ "${SOURCE}/ports/redoubt/vcpkg.json" manifest)
string(JSON version GET "${manifest}" version)
version_of_headers(version_of_headers)
expect("the port's version ${version} is that of the headers, ${version_of_headers}"
  version STREQUAL version_of_headers)
string(JSON supports GET "${manifest}" supports)
foreach(feature cuda)
  string(JSON needed GET "${manifest}" features ${feature} dependencies 0 features 0)
  expect("the feature ${feature} asks libtorch for one of the same kind" needed STREQUAL feature)
endforeach()

function(install_port port name)
  run("${CMAKE_COMMAND}" "-DPORT_FOLDER=${port}" "-DVERSION=${version}" "-DPACKAGES=${WORK}/${name}"
      "-DBUILDTREES=${WORK}/${name}-build" "-DDOWNLOADS=${WORK}/downloads" "-DCXX=${CXX}" "-DNINJA=${NINJA}"
      -P "${SOURCE}/tests/consumer/ways/vcpkg_functions.cmake")
  foreach(file copyright usage redoubtConfig.cmake)
    expect("the port installs share/redoubt/${file}" EXISTS "${WORK}/${name}/share/redoubt/${file}")
  endforeach()
  foreach(folder debug lib share/cmake share/doc)
    expect("the port installs no ${folder}" NOT EXISTS "${WORK}/${name}/${folder}")
  endforeach()
endfunction()

install_port("${SOURCE}/ports/redoubt" overlay)
build_and_run(project "-DCMAKE_PREFIX_PATH=${WORK}/overlay")

set(archive "${WORK}/downloads/owner-redoubt-v${version}.tar.gz") # where vcpkg keeps what it fetched
make_release("${WORK}/redoubt-${version}")
file(MAKE_DIRECTORY "${WORK}/downloads")
run("${CMAKE_COMMAND}" -E tar czf "${archive}" "redoubt-${version}")
run("${CMAKE_COMMAND}" -DREPO=owner/redoubt "-DARCHIVE=${archive}" "-DOUT=${WORK}/registry/redoubt"
    -P "${SOURCE}/cmake/release_port.cmake")
install_port("${WORK}/registry/redoubt" release)
# What it installed is the overlay's, file by file.
file(GLOB_RECURSE files RELATIVE "${WORK}/overlay" "${WORK}/overlay/*")
foreach(file IN LISTS files)
  file(SHA256 "${WORK}/overlay/${file}" overlay)
  file(SHA256 "${WORK}/release/${file}" release)
  expect("${file} of both ports is the same" overlay STREQUAL release)
endforeach()

# The packages of the headers, made without LibTorch, unpacked, and used: the .deb, and the .tar.gz.
include("${CMAKE_CURRENT_LIST_DIR}/consumer.cmake")
configure_headers("${WORK}/headers")
make_packages("${WORK}/headers" headers)
version_of_headers(version)

unpack("redoubt-dev-${version}.tar.gz" "${WORK}/tgz")
build_and_run(project "-DCMAKE_PREFIX_PATH=${WORK}/tgz")

run(dpkg -x "${WORK}/packages/redoubt-dev_${version}_all.deb" "${WORK}/deb")
expect("the .deb states its licence" EXISTS "${WORK}/deb/usr/share/doc/redoubt-dev/copyright")
build_and_run(odr "-DCMAKE_PREFIX_PATH=${WORK}/deb/usr")

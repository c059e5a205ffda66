# The Conan recipe with LibTorch from a Conan package, and what it refuses. (docs/installing.md has it with the system's.)
# TOOLS is where pip put Conan, PYTHON what runs it.
include("${CMAKE_CURRENT_LIST_DIR}/consumer.cmake")
set(ENV{PYTHONPATH} "${TOOLS}")
set(ENV{CONAN_HOME} "${WORK}/home")
set(ENV{CXX} "${CXX}")
set(conan "${PYTHON}" "${TOOLS}/bin/conan")
make_release("${WORK}/release") # test_package is built where it lies
run(${conan} profile detect)

# Conan Center is out of reach: a package that makes the same targets stands in for its libtorch.
set(ENV{TORCH_OF_STAND_IN} "${TORCH}")
set(ENV{REDOUBT_TORCH_ROOT} "${WORK}/not-to-be-used")
run(${conan} create "${SOURCE}/tests/consumer/conan_libtorch" --no-remote --settings compiler.cppstd=20)
run(${conan} create "${WORK}/release" --no-remote --settings compiler.cppstd=20 --options "redoubt/*:with_libtorch=conan")

foreach(settings compiler.cppstd=17 "compiler.cppstd=20;--settings;compiler=gcc;--settings;compiler.version=11")
  execute_process(COMMAND ${conan} create "${WORK}/release" --no-remote --settings ${settings}
    RESULT_VARIABLE failed ERROR_VARIABLE said)
  expect("${settings} is refused:\n${said}" failed AND said MATCHES "Invalid")
  message(STATUS "${settings} is refused:\n${said}")
endforeach()

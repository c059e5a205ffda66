# Python packages beside the build, unless they are there: a minute's work that need not be done twice.
#     cmake -D PYTHON=... -D REQUIREMENTS=... -D FOLDER=... -P fetch_packages.cmake
file(SHA256 "${REQUIREMENTS}" wanted)
set(stamp "${FOLDER}/.requirements")
if(EXISTS "${stamp}")
  file(READ "${stamp}" there)
  if(there STREQUAL wanted)
    return()
  endif()
endif()
file(REMOVE_RECURSE "${FOLDER}")
execute_process(
  COMMAND "${PYTHON}" -m pip install --quiet --disable-pip-version-check --target "${FOLDER}" --requirement "${REQUIREMENTS}"
  RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "cannot fetch the packages of ${REQUIREMENTS}; see to the network and to pip")
endif()
file(WRITE "${stamp}" "${wanted}")

# Puts the Python package REQUIREMENT into TOOLS, unless it is there: whole or not at all.
cmake_minimum_required(VERSION 3.25.1)
if(NOT EXISTS "${TOOLS}")
  file(REMOVE_RECURSE "${TOOLS}.partial")
  execute_process(COMMAND "${PYTHON}" -m pip install --quiet --disable-pip-version-check --no-warn-script-location
    --root-user-action=ignore --target "${TOOLS}.partial" "${REQUIREMENT}" COMMAND_ERROR_IS_FATAL ANY)
  file(RENAME "${TOOLS}.partial" "${TOOLS}")
endif()

# The target docs: the documentation as a site, in docs/html below the build tree. See docs/site/build.py.
find_package(Python3 3.9 COMPONENTS Interpreter QUIET)
if(Python3_FOUND)
  add_custom_target(docs
    COMMAND "${Python3_EXECUTABLE}" "${PROJECT_SOURCE_DIR}/docs/site/build.py" --out "${PROJECT_BINARY_DIR}/docs"
    USES_TERMINAL VERBATIM)
endif()

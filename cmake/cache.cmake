# The cache: one folder for each thing fetched, outside every build tree, whole or absent.
#
# A folder is filled under another name and renamed when it is whole. Its stamp records the size of every file, so that
# what was fetched whole is never fetched again, and what was damaged since is noticed and fetched anew.

set(redoubt_stamp .redoubt-complete)

# Sets `out` to the cache's folder `key`, first filling it where it is absent or damaged.
#
# `fetch` names a function (error folder arguments...) that fills `folder`, or sets `error` to what went wrong.
# `megabytes` is the room that needs. `advice` ends the message when it fails: the user's way out.
function(redoubt_cached out key megabytes advice fetch)
  set(folder "${REDOUBT_CACHE}/${key}")
  set(${out} "${folder}" PARENT_SCOPE)
  redoubt_cache_state(state "${folder}")
  if(state STREQUAL "whole")
    return()
  endif()

  redoubt_require_room("${key}" ${megabytes})
  redoubt_lock("${folder}.lock" "${key}")
  redoubt_cache_state(state "${folder}") # whoever held the lock may have done our work
  if(NOT state STREQUAL "whole")
    if(NOT state STREQUAL "absent")
      message(STATUS "redoubt: ${folder} is damaged (${state}); fetching it again")
    endif()
    message(STATUS "redoubt: fetching ${key} into ${REDOUBT_CACHE}")
    set(partial "${folder}.partial")
    file(REMOVE_RECURSE "${folder}" "${partial}")
    file(MAKE_DIRECTORY "${partial}")
    cmake_language(CALL ${fetch} error "${partial}" ${ARGN})
    if(error)
      file(REMOVE_RECURSE "${partial}")
      message(FATAL_ERROR "redoubt: cannot fetch ${key}.\n${error}\n${advice}")
    endif()
    redoubt_write_stamp("${partial}")
    file(RENAME "${partial}" "${folder}")
  endif()
  file(LOCK "${folder}.lock" RELEASE)
endfunction()

# Sets `out` to "whole", "absent", or the first file that is not as the stamp has it.
function(redoubt_cache_state out folder)
  if(NOT EXISTS "${folder}")
    set(${out} "absent" PARENT_SCOPE)
    return()
  elseif(NOT EXISTS "${folder}/${redoubt_stamp}")
    set(${out} "no stamp" PARENT_SCOPE)
    return()
  endif()
  file(STRINGS "${folder}/${redoubt_stamp}" lines)
  foreach(line IN LISTS lines)
    string(REGEX MATCH "^([0-9]+) (.+)$" matched "${line}")
    set(size -1)
    if(matched AND EXISTS "${folder}/${CMAKE_MATCH_2}")
      file(SIZE "${folder}/${CMAKE_MATCH_2}" size)
    endif()
    if(NOT size EQUAL CMAKE_MATCH_1)
      set(${out} "${CMAKE_MATCH_2}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${out} "whole" PARENT_SCOPE)
endfunction()

function(redoubt_write_stamp folder)
  file(GLOB_RECURSE files RELATIVE "${folder}" LIST_DIRECTORIES false "${folder}/*")
  set(lines "")
  foreach(file IN LISTS files)
    if(NOT IS_SYMLINK "${folder}/${file}") # packages hold links whose targets are in other packages
      file(SIZE "${folder}/${file}" size)
      string(APPEND lines "${size} ${file}\n")
    endif()
  endforeach()
  file(WRITE "${folder}/${redoubt_stamp}" "${lines}")
endfunction()

# Two configures at once would fill the same folder: the second waits and then finds it whole.
function(redoubt_lock file key)
  file(LOCK "${file}" GUARD PROCESS TIMEOUT 0 RESULT_VARIABLE busy)
  if(busy)
    message(STATUS "redoubt: another configure is fetching ${key}; waiting for it")
    file(LOCK "${file}" GUARD PROCESS TIMEOUT 3600 RESULT_VARIABLE busy)
  endif()
  if(busy)
    message(FATAL_ERROR "redoubt: cannot lock ${file}: ${busy}.\n"
                        "End the other configure, or set REDOUBT_CACHE to another folder.")
  endif()
endfunction()

# A full disk halfway through an archive is reported in many ways, none of which says how much room is missing.
function(redoubt_require_room key megabytes)
  execute_process(COMMAND "${CMAKE_COMMAND}" -E make_directory "${REDOUBT_CACHE}" RESULT_VARIABLE failed ERROR_QUIET)
  if(NOT failed)
    execute_process(COMMAND "${CMAKE_COMMAND}" -E touch "${REDOUBT_CACHE}/.writable" RESULT_VARIABLE failed ERROR_QUIET)
    file(REMOVE "${REDOUBT_CACHE}/.writable")
  endif()
  if(failed)
    message(FATAL_ERROR "redoubt: cannot write to the cache ${REDOUBT_CACHE}.\n"
                        "Make it writable and see that its disk is not full, or set REDOUBT_CACHE to another folder.")
  endif()
  execute_process(COMMAND df -Pk "${REDOUBT_CACHE}" OUTPUT_VARIABLE table ERROR_QUIET)
  if(table MATCHES " ([0-9]+) +[0-9]+% ")
    math(EXPR free "${CMAKE_MATCH_1} / 1024")
    if(free LESS megabytes)
      message(FATAL_ERROR "redoubt: ${key} needs ${megabytes} MB in ${REDOUBT_CACHE}, where ${free} MB are free.\n"
                          "Free some, or set REDOUBT_CACHE to a folder on another disk.")
    endif()
  endif()
endfunction()

# Run at each build: writes OUTPUT, a header with BRAINMT_GIT_REVISION, and touches it only when the text changes.
execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty --tags OUTPUT_VARIABLE revision
                OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(revision unknown)
endif()
set(text "#pragma once\n#define BRAINMT_GIT_REVISION \"${revision}\"\n")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} before)
endif()
if(NOT text STREQUAL "${before}")
  file(WRITE ${OUTPUT} "${text}")
endif()

# Target brainmt::onednn. Debian's oneDNN CMake package insists on OpenCL development files that only its GPU part
# needs, so the header and the library are looked for directly.
find_path(ONEDNN_INCLUDE_DIR oneapi/dnnl/dnnl.hpp)
find_library(ONEDNN_LIBRARY dnnl)
if(NOT ONEDNN_INCLUDE_DIR OR NOT ONEDNN_LIBRARY)
  message(FATAL_ERROR "oneDNN was not found. Install it (Debian: libdnnl-dev) or point CMAKE_PREFIX_PATH at it.")
endif()
add_library(brainmt_onednn INTERFACE)
add_library(brainmt::onednn ALIAS brainmt_onednn)
target_include_directories(brainmt_onednn SYSTEM INTERFACE ${ONEDNN_INCLUDE_DIR})
target_link_libraries(brainmt_onednn INTERFACE ${ONEDNN_LIBRARY})

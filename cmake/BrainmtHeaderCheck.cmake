# Target header_check: compiles each of our headers alone and twice, so that none depends on what stands before it.
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
     ${PROJECT_SOURCE_DIR}/src/*.hpp ${PROJECT_SOURCE_DIR}/kernels/*.hpp ${PROJECT_SOURCE_DIR}/io/*.hpp
     ${PROJECT_SOURCE_DIR}/jobs/*.hpp)
list(REMOVE_ITEM headers src/cuda/graph.hpp)   # takes half a minute; graph.cpp includes it first
if(NOT BRAINMT_HAVE_VENDOR_CUDA)
  list(FILTER headers EXCLUDE REGEX "^src/cuda/")
endif()
set(units)
foreach(header IN LISTS headers)
  string(REPLACE "/" "_" unit ${header})
  set(unit ${CMAKE_BINARY_DIR}/header_check/${unit}.cpp)
  file(CONFIGURE OUTPUT ${unit} CONTENT "#include \"${header}\"\n#include \"${header}\"  // NOLINT: guarded\n")
  list(APPEND units ${unit})
endforeach()
add_library(header_check OBJECT EXCLUDE_FROM_ALL ${units})
target_link_libraries(header_check PRIVATE brainmt::app)
if(BRAINMT_HAVE_VENDOR_CUDA)
  target_link_libraries(header_check PRIVATE brainmt::cuda)
endif()
target_compile_options(header_check PRIVATE -O0)
set_target_properties(header_check PROPERTIES EXPORT_COMPILE_COMMANDS OFF)

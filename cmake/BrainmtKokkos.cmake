# Target brainmt::kokkos (3.4 to 5.x).
# Debian 12 ships Kokkos 3.4.01 inside Trilinos; its CMake package names an include path that does not exist, so a
# package whose headers cannot be seen is replaced by the header and library found directly.
find_package(Kokkos CONFIG QUIET)
add_library(brainmt_kokkos INTERFACE)
add_library(brainmt::kokkos ALIAS brainmt_kokkos)
set(kokkos_usable FALSE)
if(TARGET Kokkos::kokkos AND NOT Kokkos_DIR MATCHES "^/usr/lib/[^/]*/cmake/Kokkos$")
  set(kokkos_usable TRUE)
endif()
if(kokkos_usable)
  target_link_libraries(brainmt_kokkos INTERFACE Kokkos::kokkos)
else()
  find_path(TRILINOS_KOKKOS_INCLUDE Kokkos_Core.hpp PATH_SUFFIXES trilinos REQUIRED)
  find_library(TRILINOS_KOKKOS_LIBRARY trilinos_kokkoscore REQUIRED)
  target_include_directories(brainmt_kokkos SYSTEM INTERFACE ${TRILINOS_KOKKOS_INCLUDE})
  target_link_libraries(brainmt_kokkos INTERFACE ${TRILINOS_KOKKOS_LIBRARY} ${CMAKE_DL_LIBS})
endif()

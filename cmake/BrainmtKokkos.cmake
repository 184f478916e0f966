# Target brainmt::kokkos (3.4 to 5.x), from the first of these that works; BRAINMT_KOKKOS_FOUND_AS says which:
#   1. a Kokkos that CMake finds (module, Spack, CMAKE_PREFIX_PATH), but not the distribution's, see 4
#   2. KOKKOS_SOURCE: a folder or an archive of Kokkos, built with this project
#   3. the pinned official release, downloaded and checked by SHA-256 (BRAINMT_FETCH_KOKKOS; waits 10 s at most, once)
#   4. the distribution's package: Debian 12 and its kin ship 3.4 inside Trilinos, with a CMake package whose include
#      path does not exist, so header and library are looked for directly
set(KOKKOS_SOURCE "$ENV{KOKKOS_SOURCE}" CACHE PATH "Folder or archive of Kokkos to build with this project")
option(BRAINMT_FETCH_KOKKOS "Download the pinned Kokkos release when CMake finds none" ON)
option(BRAINMT_ENABLE_OPENMP "Enable OpenMP in a Kokkos that is built with this project" OFF)
set(kokkos_release 4.7.02)
set(kokkos_url https://github.com/kokkos/kokkos/releases/download/${kokkos_release}/kokkos-${kokkos_release}.tar.gz)
set(kokkos_sha256 a81826ac0a167933d13506bc2a986fb5517038df9abb780fe9bb2c1d4e80803b)

# Adds a Kokkos source folder or archive to this build, quietly and without its tests.
function(brainmt_build_kokkos source)
  include(FetchContent)
  set(Kokkos_ENABLE_SERIAL ON CACHE BOOL "" FORCE)
  set(Kokkos_ENABLE_OPENMP ${BRAINMT_ENABLE_OPENMP} CACHE BOOL "" FORCE)
  set(CMAKE_MESSAGE_LOG_LEVEL WARNING)
  if(CMAKE_VERSION VERSION_GREATER_EQUAL 3.25)
    set(system SYSTEM)   # no warnings from its headers
  endif()
  if(IS_DIRECTORY ${source})
    set(Kokkos_SOURCE_DIR ${source})
  else()
    FetchContent_Declare(Kokkos URL ${source} SOURCE_SUBDIR nothing)   # unpacked only; added below, with our options
    FetchContent_MakeAvailable(Kokkos)
    set(Kokkos_SOURCE_DIR ${kokkos_SOURCE_DIR})
  endif()
  add_subdirectory(${Kokkos_SOURCE_DIR} ${CMAKE_BINARY_DIR}/_kokkos EXCLUDE_FROM_ALL ${system})
  file(STRINGS ${Kokkos_SOURCE_DIR}/CMakeLists.txt lines REGEX "set\\(Kokkos_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX MATCHALL "[0-9]+" numbers "${lines}")
  list(JOIN numbers . version)
  set(Kokkos_VERSION ${version} PARENT_SCOPE)
endfunction()

# Sets `result` to the verified release archive, or to nothing. A failure is remembered, so that configuring again does
# not wait again; clear BRAINMT_KOKKOS_UNREACHABLE to retry.
function(brainmt_download_kokkos result)
  set(archive ${CMAKE_BINARY_DIR}/_downloads/kokkos-${kokkos_release}.tar.gz)
  if(NOT EXISTS ${archive} AND NOT BRAINMT_KOKKOS_UNREACHABLE)
    message(STATUS "Kokkos: trying ${kokkos_url} (10 s at most)")
    file(DOWNLOAD ${kokkos_url} ${archive}.part TIMEOUT 10 INACTIVITY_TIMEOUT 5 STATUS status)
    list(GET status 0 code)
    list(GET status 1 reason)
    if(code EQUAL 0)
      file(SHA256 ${archive}.part found)
      if(NOT found STREQUAL kokkos_sha256)
        message(FATAL_ERROR "${kokkos_url}: expected SHA-256 ${kokkos_sha256}, found ${found}; not used. "
                            "Set KOKKOS_SOURCE to a trusted copy, or BRAINMT_FETCH_KOKKOS=OFF.")
      endif()
      file(RENAME ${archive}.part ${archive})
    else()
      message(STATUS "Kokkos: no download (${reason})")
      set(BRAINMT_KOKKOS_UNREACHABLE TRUE CACHE INTERNAL "The Kokkos release could not be downloaded")
      file(REMOVE ${archive}.part)
    endif()
  endif()
  if(EXISTS ${archive})
    set(${result} ${archive} PARENT_SCOPE)
  endif()
endfunction()

# A Kokkos with CUDA wants every source that links it to be compiled by nvcc_wrapper. Ours are few and go through nvcc as
# CMake's language CUDA (brainmt_kokkos_sources), so that only headers and libraries are taken from its package.
macro(brainmt_use_cuda_kokkos)
  if(NOT "CUDA" IN_LIST Kokkos_DEVICES)
    message(FATAL_ERROR "Preset cuda: the Kokkos in ${Kokkos_DIR} has ${Kokkos_DEVICES}, expected CUDA among them. Load another "
                        "module, or build one with -DKokkos_ENABLE_CUDA=ON (docs/gpu.md) and point Kokkos_ROOT at it.")
  endif()
  if(Kokkos_VERSION VERSION_LESS 4.6.99)
    message(FATAL_ERROR "Preset cuda: the Kokkos in ${Kokkos_DIR} is ${Kokkos_VERSION}, expected 4.7 or newer, which knows CUDA 13.")
  endif()
  get_target_property(kokkos_includes Kokkos::kokkoscore INTERFACE_INCLUDE_DIRECTORIES)
  target_include_directories(brainmt_kokkos SYSTEM INTERFACE ${kokkos_includes})
  # Our forwards of the driver's calls come first, so that the driver's library is named only if Kokkos wants more of it.
  target_link_libraries(brainmt_kokkos INTERFACE $<TARGET_FILE:Kokkos::kokkoscore> brainmt_cuda_driver_calls
                        -Wl,--push-state,--as-needed $<TARGET_FILE:CUDA::cuda_driver> -Wl,--pop-state CUDA::cudart ${CMAKE_DL_LIBS})
  target_compile_options(brainmt_kokkos INTERFACE
    "$<$<COMPILE_LANGUAGE:CUDA>:--extended-lambda;--expt-relaxed-constexpr;--diag-suppress=20011,20014>")
  # Under nvcc fmt takes constexpr away from some of its functions that others, still constexpr, call; and nvcc refuses consteval.
  target_compile_definitions(brainmt_kokkos INTERFACE
    $<$<COMPILE_LANGUAGE:CUDA>:FMT_USE_CONSTEXPR=1> $<$<COMPILE_LANGUAGE:CUDA>:FMT_CONSTEVAL=>)
endmacro()

add_library(brainmt_kokkos INTERFACE)
add_library(brainmt::kokkos ALIAS brainmt_kokkos)
set(kokkos_archive)

# The distribution's package is skipped here, or its targets would stand in the way of a Kokkos built from source.
set(distribution_package /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/cmake/Kokkos /lib/${CMAKE_LIBRARY_ARCHITECTURE}/cmake/Kokkos)
if(EXISTS /usr/include/trilinos/Kokkos_Core.hpp)
  list(APPEND CMAKE_IGNORE_PATH ${distribution_package})
endif()
find_package(Kokkos CONFIG QUIET)
list(REMOVE_ITEM CMAKE_IGNORE_PATH ${distribution_package})

if(Kokkos_FOUND)
  if(Kokkos_VERSION VERSION_LESS 3.4 OR Kokkos_VERSION VERSION_GREATER_EQUAL 6)
    message(FATAL_ERROR "Kokkos ${Kokkos_VERSION} in ${Kokkos_DIR}: expected 3.4 to 5.x. Load another module or set KOKKOS_SOURCE.")
  endif()
  if(BRAINMT_ENABLE_CUDA)
    brainmt_use_cuda_kokkos()
  else()
    target_link_libraries(brainmt_kokkos INTERFACE Kokkos::kokkos)
  endif()
  set(BRAINMT_KOKKOS_FOUND_AS "found by CMake in ${Kokkos_DIR}")
elseif(BRAINMT_ENABLE_CUDA)
  message(FATAL_ERROR "Preset cuda needs an installed Kokkos with the CUDA back end, and CMake found none. Load its module, or build one "
                      "(docs/gpu.md has the command) and point Kokkos_ROOT at it.")
elseif(KOKKOS_SOURCE)
  if(NOT EXISTS ${KOKKOS_SOURCE})
    message(FATAL_ERROR "KOKKOS_SOURCE=${KOKKOS_SOURCE}: expected a folder or an archive of Kokkos, found nothing.")
  endif()
  brainmt_build_kokkos(${KOKKOS_SOURCE})
  target_link_libraries(brainmt_kokkos INTERFACE Kokkos::kokkos)
  set(BRAINMT_KOKKOS_FOUND_AS "built from ${KOKKOS_SOURCE}")
else()
  if(BRAINMT_FETCH_KOKKOS)
    brainmt_download_kokkos(kokkos_archive)
  endif()
  if(kokkos_archive)
    brainmt_build_kokkos(${kokkos_archive})
    target_link_libraries(brainmt_kokkos INTERFACE Kokkos::kokkos)
    set(BRAINMT_KOKKOS_FOUND_AS "official release, checked and built")
  else()
    find_path(KOKKOS_INCLUDE_DIR Kokkos_Core.hpp PATH_SUFFIXES trilinos)
    find_library(KOKKOS_LIBRARY trilinos_kokkoscore)
    if(NOT KOKKOS_INCLUDE_DIR OR NOT KOKKOS_LIBRARY)
      message(FATAL_ERROR "Kokkos was not found. Load a module with it, set KOKKOS_SOURCE to its folder or archive, or "
                          "install the distribution's (Debian: libtrilinos-kokkos-dev).")
    endif()
    file(STRINGS ${KOKKOS_INCLUDE_DIR}/KokkosCore_config.h version_line REGEX "define KOKKOS_VERSION ")
    string(REGEX REPLACE ".* ([0-9]+)(..)(..)$" "\\1.\\2.\\3" Kokkos_VERSION "${version_line}")
    string(REPLACE ".0" "." Kokkos_VERSION ${Kokkos_VERSION})
    target_include_directories(brainmt_kokkos SYSTEM INTERFACE ${KOKKOS_INCLUDE_DIR})
    target_link_libraries(brainmt_kokkos INTERFACE ${KOKKOS_LIBRARY} ${CMAKE_DL_LIBS})
    set(BRAINMT_KOKKOS_FOUND_AS "the distribution's, ${KOKKOS_LIBRARY}")
  endif()
endif()

# What makes builds faster and changes no result: precompiled headers and the linker.
#
#   BRAINMT_PRECOMPILED_HEADERS  each kind of header is parsed once: on, except where nvcc compiles (and for clang-tidy and
#                                header_check, which must see what a file includes itself)
#   BRAINMT_LINKER               AUTO takes mold, then lld, where the compiler finds one; DEFAULT leaves the choice to it
option(BRAINMT_PRECOMPILED_HEADERS "Parse the standard library, fmt, Kokkos and GoogleTest once (host compilers only)" ON)
set(BRAINMT_LINKER AUTO CACHE STRING "Linker: AUTO (mold or lld where found), DEFAULT, or a name for -fuse-ld=")

set(BRAINMT_LINKER_USED "the compiler's")
if(NOT BRAINMT_ENABLE_CUDA AND NOT BRAINMT_LINKER STREQUAL DEFAULT)
  include(CheckCXXSourceCompiles)
  set(candidates ${BRAINMT_LINKER})
  if(BRAINMT_LINKER STREQUAL AUTO)
    set(candidates mold lld)
  endif()
  foreach(linker IN LISTS candidates)
    set(CMAKE_REQUIRED_LINK_OPTIONS -fuse-ld=${linker})
    check_cxx_source_compiles("int main() { return 0; }" BRAINMT_LINKS_WITH_${linker})
    unset(CMAKE_REQUIRED_LINK_OPTIONS)
    if(BRAINMT_LINKS_WITH_${linker})
      add_link_options(-fuse-ld=${linker})
      set(BRAINMT_LINKER_USED ${linker})
      break()
    endif()
  endforeach()
  if(BRAINMT_LINKER_USED STREQUAL "the compiler's" AND NOT BRAINMT_LINKER STREQUAL AUTO)
    message(FATAL_ERROR "BRAINMT_LINKER=${BRAINMT_LINKER}: ${CMAKE_CXX_COMPILER} does not link with it; try AUTO or DEFAULT.")
  endif()
endif()

# Headers of the standard library in wide use, and fmt: what most files include. A file still includes what it uses.
set(precompiled_std <algorithm> <array> <chrono> <cmath> <cstddef> <cstdint> <cstring> <filesystem> <fstream> <functional>
    <limits> <map> <memory> <optional> <set> <span> <stdexcept> <string> <string_view> <utility> <vector> <fmt/format.h>
    <fmt/ranges.h>)

# A library with one empty source, which owns a precompiled header that others take over (REUSE_FROM). Its options are
# theirs: GCC accepts others, but then parts of the header keep the options that they were parsed with.
function(brainmt_precompiled_header kind)
  cmake_parse_arguments(arg "" "" "HEADERS;LIBS;OPTIONS" ${ARGN})
  set(source ${CMAKE_BINARY_DIR}/precompiled/${kind}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "// Nothing: the precompiled header of this target is what counts.\n")
  add_library(brainmt_precompiled_${kind} OBJECT EXCLUDE_FROM_ALL ${source})
  target_link_libraries(brainmt_precompiled_${kind} PRIVATE brainmt_options fmt::fmt ${arg_LIBS})
  target_compile_options(brainmt_precompiled_${kind} PRIVATE ${arg_OPTIONS})
  target_precompile_headers(brainmt_precompiled_${kind} PRIVATE ${precompiled_std} ${arg_HEADERS})
endfunction()

# brainmt_precompile(TARGET KIND): KIND is std; json; cold: json with BRAINMT_COLD_OPTIONS; kokkos; kernels: kokkos with the kernels' options; tests: GoogleTest, json;
# tests_kokkos. A source with code-generating options of its own sets SKIP_PRECOMPILE_HEADERS.
function(brainmt_precompile target kind)
  if(NOT BRAINMT_PRECOMPILED_HEADERS OR BRAINMT_ENABLE_CUDA OR CMAKE_CXX_CLANG_TIDY)
    return()
  endif()
  if(NOT TARGET brainmt_precompiled_${kind})
    if(kind STREQUAL std)
      brainmt_precompiled_header(std)
    elseif(kind STREQUAL json)
      brainmt_precompiled_header(json HEADERS <nlohmann/json.hpp> LIBS nlohmann_json::nlohmann_json)
    elseif(kind STREQUAL cold)
      brainmt_precompiled_header(cold HEADERS <nlohmann/json.hpp> LIBS nlohmann_json::nlohmann_json OPTIONS ${BRAINMT_COLD_OPTIONS})
    elseif(kind STREQUAL kokkos)
      brainmt_precompiled_header(kokkos HEADERS <Kokkos_Core.hpp> LIBS brainmt::kokkos)
    elseif(kind STREQUAL kernels)
      brainmt_precompiled_header(kernels HEADERS <Kokkos_Core.hpp> LIBS brainmt::kokkos OPTIONS -ffp-contract=fast)
    elseif(kind STREQUAL tests)
      brainmt_precompiled_header(tests HEADERS <gtest/gtest.h> <nlohmann/json.hpp> LIBS GTest::gtest nlohmann_json::nlohmann_json
                                 OPTIONS ${BRAINMT_COLD_OPTIONS})
    elseif(kind STREQUAL tests_kokkos)
      brainmt_precompiled_header(tests_kokkos HEADERS <gtest/gtest.h> <Kokkos_Core.hpp> LIBS brainmt::kokkos GTest::gtest)
    endif()
  endif()
  target_precompile_headers(${target} REUSE_FROM brainmt_precompiled_${kind})
endfunction()

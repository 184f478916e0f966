# Finds every library that BrainMT uses. All that are missing are named at once, with the Debian package to install.
set(missing_packages)

# brainmt_find(NAME DEBIAN_PACKAGE [arguments of find_package ...])
macro(brainmt_find name package)
  find_package(${name} QUIET ${ARGN})
  if(NOT ${name}_FOUND)
    list(APPEND missing_packages "${name} (Debian: ${package})")
  endif()
endmacro()

brainmt_find(MPI libopenmpi-dev COMPONENTS CXX)
brainmt_find(Threads libc6-dev)
brainmt_find(ZLIB zlib1g-dev)
brainmt_find(OpenSSL libssl-dev COMPONENTS Crypto)   # SHA-256; parallel HDF5 needs it anyway
brainmt_find(yaml-cpp libyaml-cpp-dev CONFIG)
brainmt_find(nlohmann_json nlohmann-json3-dev CONFIG)
brainmt_find(CLI11 libcli11-dev CONFIG)
brainmt_find(spdlog libspdlog-dev CONFIG)
brainmt_find(fmt libfmt-dev CONFIG)
brainmt_find(Eigen3 libeigen3-dev CONFIG)
brainmt_find(PNG libpng-dev)
brainmt_find(LAPACK libopenblas-openmp-dev)   # with BLAS: OpenBLAS, MKL (BLA_VENDOR says which), or any other
if(BRAINMT_BUILD_TESTS)
  brainmt_find(GTest libgtest-dev)
endif()
find_path(ISAL_INCLUDE_DIR isa-l/crc.h)   # optional: zlib does the same more slowly
find_library(ISAL_LIBRARY isal)
if(BRAINMT_WITH_LIBZIP)                   # optional: archives have to be unpacked without it
  find_path(LIBZIP_INCLUDE_DIR zip.h)
  find_library(LIBZIP_LIBRARY zip)
endif()
set(BRAINMT_HAVE_XGBOOST OFF)
if(NOT BRAINMT_WITH_XGBOOST STREQUAL OFF)   # optional: the baseline xgboost is refused without it
  find_path(XGBOOST_INCLUDE_DIR xgboost/c_api.h HINTS ENV XGBOOST_ROOT PATH_SUFFIXES include)
  find_library(XGBOOST_LIBRARY xgboost HINTS ENV XGBOOST_ROOT PATH_SUFFIXES lib lib64)
  if(XGBOOST_INCLUDE_DIR AND XGBOOST_LIBRARY)
    set(BRAINMT_HAVE_XGBOOST ON)
  elseif(BRAINMT_WITH_XGBOOST STREQUAL ON)
    list(APPEND missing_packages "XGBoost, asked for by BRAINMT_WITH_XGBOOST=ON (Debian: libxgboost-dev)")
  endif()
endif()
if(missing_packages)
  list(JOIN missing_packages ", " missing_packages)
  message(FATAL_ERROR "Missing: ${missing_packages}. Install them, or point CMAKE_PREFIX_PATH at them; "
                      "scripts/quickstart.sh and scripts/test.sh install all of them on Debian and Ubuntu.")
endif()

include(BrainmtOneDnn)   # target brainmt::onednn
include(BrainmtKokkos)   # target brainmt::kokkos
include(BrainmtHdf5)     # target brainmt::hdf5

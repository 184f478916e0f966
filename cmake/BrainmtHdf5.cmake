# Target brainmt::hdf5: the *parallel* HDF5 of the machine's MPI (Debian keeps it in hdf5/openmpi subfolders).
set(HDF5_PREFER_PARALLEL ON)
find_package(HDF5 REQUIRED COMPONENTS C)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "HDF5 ${HDF5_VERSION} was built without MPI. Install a parallel one (Debian: libhdf5-openmpi-dev) "
                      "and point HDF5_ROOT at it.")
endif()
add_library(brainmt_hdf5 INTERFACE)
add_library(brainmt::hdf5 ALIAS brainmt_hdf5)
target_include_directories(brainmt_hdf5 SYSTEM INTERFACE ${HDF5_C_INCLUDE_DIRS})
target_compile_definitions(brainmt_hdf5 INTERFACE ${HDF5_C_DEFINITIONS})
target_link_libraries(brainmt_hdf5 INTERFACE ${HDF5_C_LIBRARIES} MPI::MPI_CXX)

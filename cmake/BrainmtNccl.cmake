# Target brainmt::nccl where NCCL and the CUDA toolkit are found. A build for the host compiles communication between
# devices too, so that it cannot rot, but only its test links it.
find_package(CUDAToolkit QUIET)
find_path(NCCL_INCLUDE_DIR nccl.h HINTS $ENV{NCCL_ROOT}/include ${CUDAToolkit_INCLUDE_DIRS})
find_library(NCCL_LIBRARY nccl HINTS $ENV{NCCL_ROOT}/lib ${CUDAToolkit_LIBRARY_DIR})
if(TARGET CUDA::cudart AND NCCL_INCLUDE_DIR AND NCCL_LIBRARY AND NOT TARGET brainmt_nccl)
  add_library(brainmt_nccl INTERFACE)
  add_library(brainmt::nccl ALIAS brainmt_nccl)
  target_include_directories(brainmt_nccl SYSTEM INTERFACE ${NCCL_INCLUDE_DIR})
  target_link_libraries(brainmt_nccl INTERFACE ${NCCL_LIBRARY} CUDA::cudart)
endif()

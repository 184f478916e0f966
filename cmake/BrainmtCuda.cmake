# Targets of the vendor libraries on NVIDIA GPUs, and whether their layer (src/cuda, target brainmt::cuda) is built. The
# layer compiles and links without a GPU and without Kokkos.
#
#   brainmt_cuda_libraries   CUDA run time, cuBLASLt, cuDNN with its graph front end, NVRTC
#   brainmt_nccl             NCCL
#
# BRAINMT_ENABLE_VENDOR_CUDA: ON makes a missing part an error, AUTO leaves the layer out and says why.
# BRAINMT_CUDA_FOUND_AS says in one line what was decided; BRAINMT_HAVE_VENDOR_CUDA, BRAINMT_HAVE_NCCL are for other files.
set(BRAINMT_ENABLE_VENDOR_CUDA AUTO CACHE STRING "Build src/cuda (cuBLASLt, cuDNN): AUTO, ON or OFF")
set_property(CACHE BRAINMT_ENABLE_VENDOR_CUDA PROPERTY STRINGS AUTO ON OFF)
set(oldest_cuda 12.0)
set(oldest_cudnn 9.15)             # earlier ones compute bf16 3-D convolutions wrongly or slowly
set(oldest_cudnn_frontend 1.14)    # knows which versions of cuDNN have wrong attention gradients at 256 channels a head
set(BRAINMT_HAVE_VENDOR_CUDA OFF)
set(BRAINMT_HAVE_NCCL OFF)
set(missing_cuda)

# brainmt_version_of(RESULT FILE PREFIX NAME...): the version that a header defines as numbers, joined with dots.
function(brainmt_version_of result file prefix)
  set(numbers)
  foreach(name IN LISTS ARGN)
    file(STRINGS ${file} line REGEX "^#define ${prefix}${name} +[0-9]+" LIMIT_COUNT 1)
    string(REGEX MATCH "[0-9]+$" number "${line}")
    list(APPEND numbers ${number})
  endforeach()
  list(JOIN numbers . version)
  set(${result} ${version} PARENT_SCOPE)
endfunction()

# cuDNN, its front end (headers only, often inside a Python environment) and NCCL.
macro(brainmt_find_vendor_parts)
  find_path(CUDNN_INCLUDE_DIR cudnn_version.h HINTS ENV CUDNN_ROOT ENV CUDNN_HOME ${CUDAToolkit_INCLUDE_DIRS} PATH_SUFFIXES include)
  find_library(CUDNN_LIBRARY cudnn HINTS ENV CUDNN_ROOT ENV CUDNN_HOME ${CUDAToolkit_LIBRARY_DIR} PATH_SUFFIXES lib lib64)
  if(CUDNN_INCLUDE_DIR AND CUDNN_LIBRARY)
    brainmt_version_of(cudnn_version ${CUDNN_INCLUDE_DIR}/cudnn_version.h CUDNN_ MAJOR MINOR PATCHLEVEL)
    if(cudnn_version VERSION_LESS oldest_cudnn)
      list(APPEND missing_cuda "cuDNN ${oldest_cudnn} or newer (found ${cudnn_version} in ${CUDNN_INCLUDE_DIR}: load a newer module, or point CUDNN_ROOT at one)")
    endif()
  else()
    list(APPEND missing_cuda "cuDNN ${oldest_cudnn} or newer (load its module, or point CUDNN_ROOT at it)")
  endif()

  if(NOT CUDNN_FRONTEND_INCLUDE_DIR)
    execute_process(COMMAND python3 -c "import sysconfig; print(sysconfig.get_paths()['purelib'])"
                    OUTPUT_VARIABLE site_packages OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    find_path(CUDNN_FRONTEND_INCLUDE_DIR cudnn_frontend.h HINTS ENV CUDNN_FRONTEND_ROOT ${site_packages} PATH_SUFFIXES include)
  endif()
  if(CUDNN_FRONTEND_INCLUDE_DIR)
    brainmt_version_of(cudnn_frontend_version ${CUDNN_FRONTEND_INCLUDE_DIR}/cudnn_frontend_version.h CUDNN_FRONTEND_
                       MAJOR_VERSION MINOR_VERSION PATCH_VERSION)
    if(cudnn_frontend_version VERSION_LESS oldest_cudnn_frontend)
      list(APPEND missing_cuda "cuDNN's front end ${oldest_cudnn_frontend} or newer (found ${cudnn_frontend_version} in ${CUDNN_FRONTEND_INCLUDE_DIR})")
    endif()
  else()
    list(APPEND missing_cuda "cuDNN's front end, cudnn_frontend.h (python3 -m pip install --no-deps nvidia-cudnn-frontend, or set CUDNN_FRONTEND_INCLUDE_DIR)")
  endif()

  find_path(NCCL_INCLUDE_DIR nccl.h HINTS ENV NCCL_ROOT ENV NCCL_HOME ${CUDAToolkit_INCLUDE_DIRS} PATH_SUFFIXES include)
  find_library(NCCL_LIBRARY nccl HINTS ENV NCCL_ROOT ENV NCCL_HOME ${CUDAToolkit_LIBRARY_DIR} PATH_SUFFIXES lib lib64)
  if(NCCL_INCLUDE_DIR AND NCCL_LIBRARY)
    brainmt_version_of(nccl_version ${NCCL_INCLUDE_DIR}/nccl.h NCCL_ MAJOR MINOR PATCH)
    set(BRAINMT_HAVE_NCCL ON)
  else()
    list(APPEND missing_cuda "NCCL (load its module, or point NCCL_ROOT at it)")
  endif()
endmacro()

# A toolkit may be too old for the host's compiler: better said here than by an error of enable_language.
macro(brainmt_try_nvcc)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    set(CMAKE_CUDA_ARCHITECTURES "80;90" CACHE STRING "GPUs to compile for: compute capabilities without the dot")
  endif()
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
    set(ENV{CUDACXX} ${CUDAToolkit_NVCC_EXECUTABLE})
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    list(APPEND missing_cuda "an nvcc that works with the host's compiler (CUDA ${CUDAToolkit_VERSION} does not with ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}, name another in CMAKE_CUDA_HOST_COMPILER)")
  endif()
endmacro()

macro(brainmt_find_cuda)
  find_package(CUDAToolkit QUIET)
  if(NOT CUDAToolkit_FOUND)
    list(APPEND missing_cuda "the CUDA toolkit ${oldest_cuda} or newer (load its module, or point CUDAToolkit_ROOT at it)")
  elseif(CUDAToolkit_VERSION VERSION_LESS oldest_cuda)
    list(APPEND missing_cuda "the CUDA toolkit ${oldest_cuda} or newer (found ${CUDAToolkit_VERSION})")
  else()
    if(NOT CUDAToolkit_NVCC_EXECUTABLE)
      list(APPEND missing_cuda "nvcc (the toolkit in ${CUDAToolkit_BIN_DIR} has none)")
    endif()
    foreach(part cudart cublasLt nvrtc)
      if(NOT TARGET CUDA::${part})
        list(APPEND missing_cuda "lib${part} (part of the CUDA toolkit)")
      endif()
    endforeach()
    brainmt_find_vendor_parts()
    if(NOT missing_cuda)
      brainmt_try_nvcc()
    endif()
  endif()
endmacro()

if(BRAINMT_ENABLE_CUDA)
  set(BRAINMT_ENABLE_VENDOR_CUDA ON)
endif()
if(NOT BRAINMT_ENABLE_VENDOR_CUDA)
  set(BRAINMT_CUDA_FOUND_AS "no (BRAINMT_ENABLE_VENDOR_CUDA=OFF)")
elseif(BRAINMT_ENABLE_VENDOR_CUDA STREQUAL AUTO AND BRAINMT_SANITIZE)
  set(BRAINMT_CUDA_FOUND_AS "no (AUTO: not under sanitizers, whose shadow memory collides with the driver's)")
else()
  brainmt_find_cuda()
  list(JOIN missing_cuda "; " missing_cuda)
  if(missing_cuda AND NOT BRAINMT_ENABLE_VENDOR_CUDA STREQUAL AUTO)
    message(FATAL_ERROR "The CUDA layer needs ${missing_cuda}.")
  elseif(missing_cuda)
    set(BRAINMT_CUDA_FOUND_AS "no (AUTO: missing ${missing_cuda})")
  else()
    set(BRAINMT_HAVE_VENDOR_CUDA ON)
    set(BRAINMT_CUDA_FOUND_AS "toolkit ${CUDAToolkit_VERSION}, cuDNN ${cudnn_version}, front end ${cudnn_frontend_version}, NCCL ${nccl_version}")
  endif()
endif()

if(BRAINMT_HAVE_NCCL)
  add_library(brainmt_nccl INTERFACE)
  add_library(brainmt::nccl ALIAS brainmt_nccl)
  target_include_directories(brainmt_nccl SYSTEM INTERFACE ${NCCL_INCLUDE_DIR} ${CUDAToolkit_INCLUDE_DIRS})
  target_link_libraries(brainmt_nccl INTERFACE ${NCCL_LIBRARY} CUDA::cudart)
endif()
if(BRAINMT_HAVE_VENDOR_CUDA)
  set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)   # the libraries bring the shared one; a second, static one would not see its state
  enable_language(CUDA)
  if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)   # CMake before 3.26 does not know that nvcc 12 speaks it
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  string(APPEND BRAINMT_CUDA_FOUND_AS ", for sm_${CMAKE_CUDA_ARCHITECTURES}")
  string(REPLACE ";" ", sm_" BRAINMT_CUDA_FOUND_AS "${BRAINMT_CUDA_FOUND_AS}")

  add_library(brainmt_cuda_libraries INTERFACE)
  target_include_directories(brainmt_cuda_libraries SYSTEM INTERFACE ${CUDAToolkit_INCLUDE_DIRS} ${CUDNN_INCLUDE_DIR}
                             ${CUDNN_FRONTEND_INCLUDE_DIR})
  # The front end's serialisation would bring a second copy of nlohmann-json.
  target_compile_definitions(brainmt_cuda_libraries INTERFACE CUDNN_FRONTEND_SKIP_JSON_LIB)
  target_link_libraries(brainmt_cuda_libraries INTERFACE ${CUDNN_LIBRARY} CUDA::cublasLt CUDA::nvrtc CUDA::cudart
                        ${CMAKE_DL_LIBS})
endif()

# The two functions that every folder's CMakeLists.txt uses.

# Ranks of a test share few cores: they yield while they wait, stay unbound, and may be root in a container. Open MPI 5
# has its binding from PRRTE (PRTE_MCA_), and what Open MPI 4 calls vader's single copy is smsc there.
set(BRAINMT_TEST_ENVIRONMENT OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
    OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_smsc=^cma
    PRTE_MCA_hwloc_default_binding_policy=none)

add_library(brainmt_options INTERFACE)
target_include_directories(brainmt_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
set(host_options -Wall -Wextra -Wno-psabi -fno-math-errno -fno-trapping-math)
if(BRAINMT_ARCH)
  list(APPEND host_options -march=${BRAINMT_ARCH})
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  list(APPEND host_options
    -Wno-restrict                # false alarms on "text" + std::string, GCC bug 105651
    -fno-tree-slp-vectorize)     # GCC 12 with AVX-512 makes std::vector<double>{1, 1, 1, 0} four ones; loops are unaffected
endif()
list(JOIN host_options , host_options_of_nvcc)
target_compile_options(brainmt_options INTERFACE
  "$<$<COMPILE_LANGUAGE:CXX>:${host_options}>"
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=${host_options_of_nvcc}>")

# brainmt_kokkos_sources(FILE ...): the sources of this folder that include Kokkos. For CUDA they go through nvcc; the
# others never see Kokkos and compile as fast as on the host.
function(brainmt_kokkos_sources)
  if(BRAINMT_ENABLE_CUDA)
    set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CUDA)
  endif()
endfunction()
if(BRAINMT_SANITIZE)
  target_compile_options(brainmt_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined
                         -fno-omit-frame-pointer)
  target_link_options(brainmt_options INTERFACE -fsanitize=address,undefined)
endif()

# For code that runs for milliseconds and compiles for seconds: parsing settings, wiring, most tests.
if(CMAKE_BUILD_TYPE STREQUAL Release)
  set(BRAINMT_COLD_OPTIONS $<$<COMPILE_LANGUAGE:CXX>:-O1>)
endif()

# brainmt_add_library(NAME SOURCES ... LIBS ...): static library brainmt_NAME, alias brainmt::NAME.
function(brainmt_add_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_library(brainmt_${name} STATIC ${arg_SOURCES})
  add_library(brainmt::${name} ALIAS brainmt_${name})
  target_link_libraries(brainmt_${name} PUBLIC brainmt_options ${arg_LIBS})
  set(kind std)
  if(name MATCHES "^(config|jobs|run|sweep|app)$")   # run for milliseconds: compiled faster
    set(kind cold)
    target_compile_options(brainmt_${name} PRIVATE ${BRAINMT_COLD_OPTIONS})
  elseif(name MATCHES "^kernels")
    set(kind kernels)
  elseif(name MATCHES "^(memory|profile|tensor|dnn|autograd)$")
    set(kind kokkos)
  elseif(name MATCHES "^(models|nn|task|train|analysis)$")
    set(kind json)
  endif()
  brainmt_precompile(brainmt_${name} ${kind})
endfunction()

# brainmt_add_test(NAME SOURCES ... LIBS ... [RANKS 1 2 4] [LABELS ...] [TIMEOUT s] [BINARY test_x]): adds the sources to
# the folder's one test program, test_<folder>, or to BINARY; one CTest entry NAME, or NAME_np_R for each R of RANKS under
# mpirun, which runs the tests of SOURCES alone (files *_test.cpp; others are helpers).
function(brainmt_add_test name)
  cmake_parse_arguments(arg "" "TIMEOUT;BINARY" "SOURCES;LIBS;RANKS;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  get_filename_component(folder ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  if(NOT arg_BINARY)
    set(arg_BINARY test_${folder})
  endif()
  if(NOT TARGET ${arg_BINARY})
    add_executable(${arg_BINARY})
    target_link_libraries(${arg_BINARY} PRIVATE brainmt_test_main)
    if(folder MATCHES "^(kernels|dnn|autograd|models)$")   # these compute at length
      brainmt_precompile(${arg_BINARY} tests_kokkos)
    else()
      target_compile_options(${arg_BINARY} PRIVATE ${BRAINMT_COLD_OPTIONS})
      brainmt_precompile(${arg_BINARY} tests)
    endif()
  endif()
  target_sources(${arg_BINARY} PRIVATE ${arg_SOURCES})
  target_link_libraries(${arg_BINARY} PRIVATE ${arg_LIBS})
  if(folder MATCHES "^(kernels|dnn|autograd|models|analysis|task|run|train|nn|profile)$")   # tests that look at tensors
    brainmt_kokkos_sources(${arg_SOURCES})
  endif()
  list(FILTER arg_SOURCES INCLUDE REGEX "_test\\.cpp$")
  list(JOIN arg_SOURCES , test_sources)
  if(NOT arg_RANKS)
    add_test(NAME ${name} COMMAND ${arg_BINARY} --sources=${test_sources})
    set(tests ${name})
    set_tests_properties(${name} PROPERTIES LABELS "unit;${arg_LABELS}")
  endif()
  foreach(ranks IN LISTS arg_RANKS)
    add_test(NAME ${name}_np_${ranks}
             COMMAND ${MPIEXEC_EXECUTABLE} --oversubscribe ${MPIEXEC_NUMPROC_FLAG} ${ranks} $<TARGET_FILE:${arg_BINARY}>
                     --sources=${test_sources})
    set_tests_properties(${name}_np_${ranks} PROPERTIES LABELS "mpi;${arg_LABELS}" PROCESSORS ${ranks})
    list(APPEND tests ${name}_np_${ranks})
  endforeach()
  set_tests_properties(${tests} PROPERTIES TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "${BRAINMT_TEST_ENVIRONMENT}")
endfunction()

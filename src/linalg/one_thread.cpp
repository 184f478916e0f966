#include "linalg/one_thread.hpp"

#include <dlfcn.h>
#include <omp.h>

#include <cstdint>

namespace brainmt::linalg {
namespace {

// A function of the BLAS that this process happens to have, or null: none of these is needed to link.
template <class Function>
Function* found(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

// Once a process. OpenBLAS over OpenMP passes the number on to OpenMP, hence inside of OneThread's own setting.
bool set_one_thread() {
  if (auto* set = found<void(int)>("openblas_set_num_threads")) set(1);
  if (auto* set = found<void(int)>("MKL_Set_Num_Threads")) set(1);
  constexpr int kAuto = 2;  // MKL_CBWR_AUTO: the same bits run after run, whatever the alignment
  if (auto* set = found<int(int)>("MKL_CBWR_Set")) set(kAuto);
  if (auto* set = found<void(std::int64_t)>("bli_thread_set_num_threads")) set(1);
  if (auto* set = found<void(int)>("flexiblas_set_num_threads")) set(1);
  return true;
}

}  // namespace

OneThread::OneThread() : openmp_threads_(omp_get_max_threads()) {
  omp_set_num_threads(1);  // of this thread alone
  static const bool done = set_one_thread();
  static_cast<void>(done);
}

OneThread::~OneThread() { omp_set_num_threads(openmp_threads_); }

bool blas_may_run_concurrently() {
  static auto* const parallel = found<int()>("openblas_get_parallel");
  return parallel == nullptr || parallel() != 0;
}

}  // namespace brainmt::linalg

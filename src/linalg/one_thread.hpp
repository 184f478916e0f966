#pragma once
// BLAS with one thread: how a library splits a sum over its threads decides bits, so it gets whole tiles instead, and
// parallel_for() (linalg/parallel.hpp) shares the tiles out.

namespace brainmt::linalg {

/// While it lives, BLAS and LAPACK compute with one thread when called by this thread: OpenBLAS in all its variants,
/// MKL, BLIS, FlexiBLAS; others as their own variables say (OMP_NUM_THREADS). OpenMP's number of threads is restored.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int openmp_threads_;
};

/// False for OpenBLAS built without threads, which has no locks either.
bool blas_may_run_concurrently();

}  // namespace brainmt::linalg

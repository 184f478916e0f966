#include "linalg/parallel.hpp"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "linalg/one_thread.hpp"

namespace brainmt::linalg {

int threads() { return omp_get_max_threads(); }

void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& piece) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  std::size_t failed = count;
  const auto work = [&] {
    const OneThread one_thread;
    for (std::size_t i; (i = next++) < count;) {
      try {
        piece(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (i < failed) failure = std::current_exception(), failed = i;
        next = count;
      }
    }
  };
  const std::size_t wanted = blas_may_run_concurrently() ? static_cast<std::size_t>(std::max(threads, 1)) : 1;
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(wanted, count); ++i) others.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace brainmt::linalg

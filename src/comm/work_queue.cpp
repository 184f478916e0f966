#include "comm/work_queue.hpp"

#include "base/error.hpp"

namespace brainmt::comm {

WorkQueue::WorkQueue(MPI_Comm comm, std::size_t tasks) : tasks_(tasks) {
  MPI_Comm_dup(comm, &comm_);
  MPI_Comm_rank(comm_, &rank_);
  const MPI_Aint bytes = rank_ == 0 ? sizeof(std::int64_t) : 0;
  const int code = MPI_Win_allocate(bytes, sizeof(std::int64_t), MPI_INFO_NULL, comm_, &counter_, &window_);
  BRAINMT_CHECK(code == MPI_SUCCESS, "MPI gives no window");
  MPI_Win_lock_all(0, window_);
  const std::int64_t zero = 0;
  std::int64_t ignored = 0;
  if (rank_ == 0) {
    MPI_Fetch_and_op(&zero, &ignored, MPI_INT64_T, 0, 0, MPI_REPLACE, window_);
    MPI_Win_flush(0, window_);
  }
  MPI_Barrier(comm_);
}

WorkQueue::~WorkQueue() {
  MPI_Win_unlock_all(window_);
  MPI_Win_free(&window_);
  MPI_Comm_free(&comm_);
}

std::int64_t WorkQueue::fetch(std::int64_t operand, MPI_Op operation) const {
  std::int64_t before = 0;
  MPI_Fetch_and_op(&operand, &before, MPI_INT64_T, 0, 0, operation, window_);
  MPI_Win_flush(0, window_);
  return before;
}

std::optional<std::size_t> WorkQueue::next() {
  const auto task = static_cast<std::size_t>(fetch(1, MPI_SUM));
  if (task >= tasks_) return std::nullopt;
  return task;
}

void WorkQueue::stop() { fetch(static_cast<std::int64_t>(tasks_), MPI_REPLACE); }

// No message is ever sent on this communicator; the probe drives the library's progress.
void WorkQueue::poke() const {
  int arrived = 0;
  MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm_, &arrived, MPI_STATUS_IGNORE);
}

}  // namespace brainmt::comm

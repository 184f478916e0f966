#pragma once
// Dynamic work queue: tasks 0 to n - 1, fetched one at a time by the ranks of a communicator, which balances scans of
// different size and nodes of different speed.
//
// A counter on rank 0 is incremented by MPI_Fetch_and_op. Some MPI implementations complete such an operation only
// while the target is inside the library, so rank 0 calls poke() between frames of its own scans.
#include <mpi.h>

#include <cstdint>
#include <optional>

namespace brainmt::comm {

class WorkQueue {
 public:
  /// Collective. `comm` is duplicated.
  WorkQueue(MPI_Comm comm, std::size_t tasks);
  /// Collective.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  /// The next task, or nothing when all are taken.
  std::optional<std::size_t> next();
  /// Ends the queue for all ranks, after a failure on this one.
  void stop();
  /// Progresses requests of other ranks. Cheap; every rank calls it some hundred times a second.
  void poke() const;

 private:
  std::int64_t fetch(std::int64_t operand, MPI_Op operation) const;

  MPI_Comm comm_ = MPI_COMM_NULL;
  MPI_Win window_ = MPI_WIN_NULL;
  std::int64_t* counter_ = nullptr;  // of rank 0
  std::size_t tasks_;
  int rank_ = 0;
};

}  // namespace brainmt::comm

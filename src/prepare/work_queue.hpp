#pragma once
// Tasks 0 to n - 1, handed out to the ranks of a communicator one at a time, each to whoever asks next: scans differ in
// size, and so do the cores and disks behind the ranks.
//
// The counter lives on rank 0 and is fetched and increased by MPI's one-sided operations, so no rank has to serve the
// others. Some implementations carry such an operation out only while the target is inside the MPI library: rank 0,
// which works like the others, calls poke() now and then while it is busy, else they would wait for the end of its
// scan.
#include <mpi.h>

#include <cstdint>
#include <optional>

namespace brainmt::prepare {

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
  /// Nobody gets a further task: this rank has failed, and what the others would do is in vain.
  void stop();
  /// Lets the requests of other ranks through. Cheap; to be called by every rank, some hundred times a second.
  void poke() const;

 private:
  std::int64_t fetch(std::int64_t operand, MPI_Op operation) const;

  MPI_Comm comm_ = MPI_COMM_NULL;
  MPI_Win window_ = MPI_WIN_NULL;
  std::int64_t* counter_ = nullptr;  // of rank 0
  std::size_t tasks_;
  int rank_ = 0;
};

}  // namespace brainmt::prepare

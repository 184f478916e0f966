#pragma once
// Initialises and finalises MPI, and ends the whole job when one rank fails.
#include <memory>
#include <optional>
#include <string>

#include "comm/communicator.hpp"

namespace brainmt::comm {

/// Starts MPI (MPI_THREAD_MULTIPLE asked for: loader threads and the watchdog use it) unless it already runs, and
/// finalises it if it started it. One of these outlives every communicator.
class Environment {
 public:
  /// Throws CommError when the launcher started more processes than MPI connected (see launcher_mismatch).
  Environment(int* argc, char*** argv);
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment();

  /// All processes of the job; without a launcher, or with one process, a SelfCommunicator.
  std::unique_ptr<Communicator> world() const;

 private:
  bool started_here_ = false;
};

/// What the launcher said about this process, from its environment variables.
struct LauncherEnvironment {
  std::optional<int> slurm_step_tasks;  // SLURM_STEP_NUM_TASKS (SLURM_NTASKS of the step): set by srun alone
  bool mpirun = false;                  // OMPI_COMM_WORLD_SIZE: mpirun started us; it may run inside an srun shell

  static LauncherEnvironment read();
};

/// Under `srun` without a PMI plugin every process is a job of its own: N runs would write into one run directory.
/// Returns the one-line reason when the step's number of tasks is not the world's size. A plain call inside a batch
/// script (SLURM_NTASKS set, but no step) is a legitimate job of one rank.
std::optional<std::string> launcher_mismatch(const LauncherEnvironment& launcher, int world_size);

/// Ends every rank of the job with `exit_code`, from any thread, also while other ranks block. Where one rank alone has
/// failed, its main() prints the reason and calls this.
[[noreturn]] void end_job(int exit_code);

}  // namespace brainmt::comm

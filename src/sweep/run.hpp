#pragma once
// Runs tasks of a sweep: one task on the ranks of this program, or all of them one after the other as child programs.
#include <mpi.h>

#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "comm/communicator.hpp"
#include "sweep/plan.hpp"

namespace brainmt::sweep {

/// The program that does a task.
struct Program {
  comm::Communicator& comm;
  MPI_Comm mpi;                                                // the same ranks, for HDF5
  std::vector<std::pair<std::string, std::string>> libraries;  // of the start record: name, version
};

/// Collective. Trains and evaluates one task, and keeps task.json: running, then done, interrupted (75) or failed with
/// the error, which is thrown on. A task that is done is left as it is. Throws UsageError when another process works at
/// the task, when the number of ranks is not the planned one, or when cohort or base configuration changed since.
ExitCode run_task(const Program& program, const Plan& plan, const jobs::ManifestRow& row);

/// Every task that is neither done nor running, each as `brainmt sweep run index=K`, under the launcher where it has
/// several ranks. A task that fails does not stop the others: at the end an Error names all of them, with the exit code
/// of the first. A signal is passed on to the task that runs; kInterrupted when it has saved.
ExitCode run_all(const config::Config& options, comm::Communicator& comm, const Plan& plan);

/// The row that `index`, or `list` and `place`, choose. Throws UsageError.
const jobs::ManifestRow& chosen_row(const config::Config& options, const Plan& plan);

}  // namespace brainmt::sweep

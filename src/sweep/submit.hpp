#pragma once
// Submits a sweep to Slurm as job arrays.
#include "config/config.hpp"
#include "sweep/plan.hpp"

namespace brainmt::sweep {

/// Submits the tasks that are neither done nor running: one array for each MaxArraySize of them, then the collector,
/// which starts when all arrays have ended. Prints the jobs' numbers; with `dry_run` the command lines instead. Throws
/// UsageError, CommError when Slurm refuses.
void submit(const config::Config& options, const Plan& plan, bool dry_run);

}  // namespace brainmt::sweep

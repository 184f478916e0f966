#pragma once
// Handing a sweep to Slurm as job arrays.
#include "app/command.hpp"
#include "app/sweep_plan.hpp"

namespace brainmt::app {

/// Submits the tasks that are not done and that nobody works at: one array for each MaxArraySize of them, then the
/// collector, which starts when all arrays have ended. Prints the jobs' numbers; with --dry-run the command lines
/// instead. Throws UsageError, CommError when Slurm refuses.
void submit_sweep(const CommandContext& context, const SweepPlan& plan);

}  // namespace brainmt::app

#pragma once
// Doing the work of a sweep: one task on the ranks of this program, or all of them one after the other in programs of
// their own.
#include "app/command.hpp"
#include "app/sweep_plan.hpp"

namespace brainmt::app {

/// Collective. Trains and evaluates one task, and keeps task.json: running, then done, interrupted (75) or failed with
/// the error, which is thrown on. A task that is done is left as it is. Throws UsageError when another process works at
/// the task, when the number of ranks is not the planned one, or when cohort or base configuration changed since.
ExitCode run_task(CommandContext& context, const SweepPlan& plan, const jobs::ManifestRow& row);

/// Every task that is not done and that nobody works at, each as `brainmt sweep run index=K`, under the launcher where
/// it has several ranks. A task that fails does not stop the others: at the end an Error names all of them, with the
/// exit code of the first. A signal is passed on to the task that runs; kInterrupted when it has saved.
ExitCode run_all(CommandContext& context, const SweepPlan& plan);

/// The row that `index`, or `list` and `place`, choose. Throws UsageError.
const jobs::ManifestRow& chosen_row(const config::Config& options, const SweepPlan& plan);

}  // namespace brainmt::app

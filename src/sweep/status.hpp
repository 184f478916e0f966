#pragma once
// State of the tasks of a sweep: the records in their run directories, combined with Slurm's queue.
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "jobs/outcome.hpp"
#include "sweep/plan.hpp"

namespace brainmt::sweep {

/// The record of a run directory; state kMissing where there is none.
jobs::Outcome read_outcome(const std::filesystem::path& run_dir);
void write_outcome(const std::filesystem::path& run_dir, const jobs::Outcome& outcome);
/// The step of the newest checkpoint, 0 where there is none.
std::int64_t newest_step(const std::filesystem::path& run_dir);

/// The folder of the lock that is held while a task runs. Not the run's own lock, which train() takes.
std::filesystem::path lock_directory(const Plan& plan, const jobs::ManifestRow& row);

/// The Slurm arrays that work at a sweep, in out/jobs.json.
struct Submitted {
  std::string job;                 // array job
  std::vector<std::string> tasks;  // by array index
};
std::vector<Submitted> read_submitted(const std::filesystem::path& out);
void append_submitted(const std::filesystem::path& out, const Submitted& one);

/// State in Slurm's queue of each task that waits or runs there. Empty where nothing was submitted or Slurm does not
/// answer (which is logged).
std::map<std::string, std::string> queue_states(const std::filesystem::path& out);

struct TaskStatus {
  const jobs::ManifestRow* row = nullptr;
  jobs::Outcome outcome;
  std::string queue;   // Slurm's word, empty where it does not know the task
  bool alive = false;  // running or queued
  std::string shown;   // done, running, queued, requeued, interrupted, failed, missing
  std::string error;   // its line, when it failed
};

/// One a row of the manifest.
std::vector<TaskStatus> task_states(const Plan& plan);

/// The action `status`: a table on stdout, or JSON.
void print_status(const Plan& plan, bool json);

}  // namespace brainmt::sweep

#pragma once
// Slurm through its commands: arguments are passed without a shell, output is parsed strictly.
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "jobs/sweep.hpp"

namespace brainmt::jobs {

struct ArrayJob {
  std::string name;
  std::filesystem::path script;        // the batch script
  std::vector<std::string> arguments;  // its own
  std::size_t tasks = 0;               // indices 0 .. tasks - 1
  std::filesystem::path log = {};      // with %A and %a
  Resources resources = {};
  int warning_seconds = 120;                   // USR1 comes this long before the time limit
  std::vector<std::string> site = {};          // further options of sbatch: account, partition, constraint
  std::vector<std::string> dependencies = {};  // as "afterany:123"
};

/// The command line of sbatch. An array of one-node jobs asks for tasks; `gpus` become --gpus-per-task.
std::vector<std::string> sbatch_arguments(const ArrayJob& job);
/// The same for a single job (no array) that runs `script`: the collector.
std::vector<std::string> sbatch_single_arguments(const ArrayJob& job);

/// "123" or "123;cluster" -> 123, what `sbatch --parsable` prints. Throws CommError.
std::string parse_job_id(const std::string& printed);

/// Indices as Slurm writes them, "0-3,7".
std::string compress(const std::vector<std::size_t>& indices);
/// The reverse; "0-3,7%4" too. Throws CommError.
std::vector<std::size_t> expand_indices(const std::string& text);

/// State of each array task that Slurm still knows, by (array job, array index), from `squeue --noheader --array
/// --format="%F %K %T"`; lines of jobs that are no arrays are left out.
using QueuedTask = std::pair<std::string, std::size_t>;
std::map<QueuedTask, std::string> parse_queue(const std::string& printed);

/// MaxArraySize of `scontrol show config`; 1001 (Slurm's own default) when it does not say.
std::size_t parse_largest_array(const std::string& printed);

}  // namespace brainmt::jobs

#pragma once
// The plan of a sweep: every task resolved and checked before anything is queued, and its files in `out`.
//
//   out/sweep.yaml   the sweep file as it was          out/base.yaml   its base configuration, where it has one
//   out/sweep.tsv    one row a task (jobs/manifest.hpp) out/plan.json   estimates of memory and time, for people
//
// A task's run directory is out/runs/<hash>, the hash of what decides its numbers: the keys of train that do, the
// ranks, the keys of evaluate, the cohort's labels and scans, and the split file. Two rows of equal work (a cell that
// is in two grids) share one run directory: it is run once and stands in the table twice.
#include <filesystem>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "io/cohort.hpp"
#include "jobs/manifest.hpp"
#include "jobs/sweep.hpp"

namespace brainmt::sweep {

struct Plan {
  std::filesystem::path out;  // absolute
  jobs::Sweep sweep;
  jobs::Manifest manifest;

  std::filesystem::path run_dir(const jobs::ManifestRow& row) const { return out / row.run_dir; }
  /// Labels of a row as text: "frames=50 seed=1 fold=0".
  std::string label(const jobs::ManifestRow& row) const;
  /// One row for each run directory: the first that has it.
  std::vector<const jobs::ManifestRow*> distinct() const;
};

/// Resolves and checks every task of the sweep file that `options` (of sweep_schema()) name. Every error of every task
/// is logged, then a UsageError says how many there are: nothing has been written by then. Otherwise writes the files
/// and prints a summary with warnings.
Plan make_plan(const config::Config& options);

/// The plan that is in `out`. Throws UsageError when there is none, DataError when it is damaged.
Plan load_plan(const std::filesystem::path& out);

/// The configuration of a task with its run directory, valid for `train`.
config::Config train_config(const Plan& plan, const jobs::ManifestRow& row);
/// The configuration of its evaluation.
config::Config evaluate_config(const Plan& plan, const jobs::ManifestRow& row);

/// The name of a task's work, 16 hexadecimal digits. `data_sha256` is of labels and scans (train::estimate).
std::string task_name(const config::Config& train, const jobs::Sweep& sweep, const io::Cohort& cohort,
                      const std::string& data_sha256);

}  // namespace brainmt::sweep

#pragma once
// `brainmt baseline` as a function of its configuration.
#include <string>
#include <utility>
#include <vector>

#include "comm/communicator.hpp"
#include "config/config.hpp"

namespace brainmt::analysis {

/// What only the program knows, for provenance.json.
struct BaselineCall {
  std::vector<std::string> overrides{};
  std::vector<std::pair<std::string, std::string>> libraries{};
  bool overwrite = false;
};

/// Throws UsageError for a task that has no target, as task=reconstruction.
void check_baseline_task(const config::Config& config);

/// Collective. Fits and scores baselines on the people of a run or a split; `config` is of baseline_schema(). Rank 0
/// computes, with its threads, while the others wait: the same bytes for any number of ranks. Throws what
/// base/error.hpp lists.
void run_baselines(const config::Config& config, comm::Communicator& comm, const BaselineCall& call);

/// Baselines of a run that has just been trained, into its folder baselines/: those that need no scan, and with the
/// file `fc` those on connectivity.
void run_baselines_of(const std::string& run_dir, const std::string& fc, comm::Communicator& comm,
                      const BaselineCall& call);

}  // namespace brainmt::analysis

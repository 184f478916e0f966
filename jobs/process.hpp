#pragma once
// Runs another program without a shell: arguments are passed as they are, so no text of ours is ever interpreted.
#include <string>
#include <vector>

namespace brainmt::jobs {

struct ProcessResult {
  int exit_code = 0;  // 128 + signal when it was killed
  std::string output, errors;
};

/// The environment of this process without what a job that we are inside of would leak into a new one: variables that
/// begin with SLURM_, PMIX_, PMI_, OMPI_ (but not OMPI_ALLOW_ and OMPI_MCA_, which are settings), PRTE_, SRUN_. What
/// tells clients where their controller is (SLURM_CONF) stays.
std::vector<std::string> clean_environment();

/// Runs `arguments[0]`, found in PATH, with `environment`, and waits. Standard input is empty. Throws CommError when it
/// cannot be started or is not over after `timeout_seconds` (then it is killed).
ProcessResult run_process(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                          double timeout_seconds);

}  // namespace brainmt::jobs

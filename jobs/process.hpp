#pragma once
// Runs another program without a shell: arguments are passed unchanged.
#include <optional>
#include <string>
#include <vector>

namespace brainmt::jobs {

struct ProcessResult {
  int exit_code = 0;  // 128 + signal when it was killed
  std::string output, errors;
};

/// The environment of this process without variables of the surrounding job: those that begin with SLURM_, PMIX_, PMI_,
/// OMPI_, PRTE_ (but not OMPI_ALLOW_, OMPI_MCA_ and PRTE_MCA_, which are settings), SRUN_, ORTE_, and what Open MPI
/// notes down for itself in a program without a launcher. What tells clients where their controller is (SLURM_CONF)
/// stays.
std::vector<std::string> clean_environment();

/// Runs `arguments[0]`, found in PATH, with `environment`, and waits. Standard input is empty. Throws CommError when it
/// cannot be started or is not over after `timeout_seconds` (then it is killed).
ProcessResult run_process(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                          double timeout_seconds);

/// Another program in a process group of its own, so that Ctrl-C on the terminal reaches only us; its streams are ours.
class ChildProcess {
 public:
  /// Throws CommError when it cannot be started.
  ChildProcess(const std::vector<std::string>& arguments, const std::vector<std::string>& environment);
  /// Kills the whole group when it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// To the program alone: a launcher passes SIGUSR1 on to its ranks.
  void signal(int number) const;
  /// Asks the whole group to end, and kills what is still there soon after. From any thread.
  void end() const;
  /// Its exit code, 128 + signal when it was killed; nothing while it still runs after `seconds`.
  std::optional<int> wait_for(double seconds);

 private:
  int pid_ = 0;
  std::optional<int> exit_code_;
};

}  // namespace brainmt::jobs

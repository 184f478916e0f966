#pragma once
// Description of a run in its directory: config.yaml, overrides.txt, provenance.json. Written by rank 0.
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"

namespace brainmt::run {

/// One start of the program.
struct StartRecord {
  // From the caller:
  std::string config_yaml;             // the whole resolved configuration
  std::vector<std::string> overrides;  // key=value as typed
  std::string version, revision, compiler;
  std::vector<std::pair<std::string, std::string>> libraries;  // name, version
  std::string precision;
  int ranks = 1;
  // Filled in by train():
  std::vector<std::string> hosts{};           // of each rank
  std::string data_sha256{}, split_sha256{};  // of the subjects, labels and scan lengths; of split.json
  std::int64_t first_step = 0;                // 0, or the checkpoint's that is continued
  std::string voxels_sha256{}, data{};        // of what the scans hold; JSON: the cohort's space and processing
  std::string task{};                         // JSON: the targets, and what was fitted on the training split

  /// What the caller has to say, but for overrides and libraries.
  static StartRecord from_config(const config::Config& config, int ranks);
};

/// The name of this host.
std::string host_name();

/// The directory of a run that starts, made when it is missing. Destroyed between watch() and keep(), as when a start
/// is refused, it takes back what the start made: a run's files that were not there before. Directories that it made go
/// where they are empty.
class StartingRun {
 public:
  /// Throws OutputError.
  explicit StartingRun(std::filesystem::path run_dir);
  ~StartingRun();
  StartingRun(const StartingRun&) = delete;
  StartingRun& operator=(const StartingRun&) = delete;
  /// From now on the files are this start's: call it once the directory is locked.
  void watch();
  void keep() { kept_ = true; }

 private:
  std::filesystem::path run_dir_;
  std::vector<std::filesystem::path> made_;  // directories, outermost first
  std::set<std::string> before_;             // names in run_dir
  bool had_lock_ = false, watches_ = false, kept_ = false;
};

/// config.yaml and overrides.txt say how the run was last started; provenance.json lists every start.
void write_start_record(const std::filesystem::path& run_dir, const StartRecord& record);

/// Keys whose values differ between two resolved configurations in YAML, each as "key (was a, is b)".
std::vector<std::string> differing_keys(const std::string& before, const std::string& now);

}  // namespace brainmt::run

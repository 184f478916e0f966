#pragma once
// The files of a run that say what it is: config.yaml, overrides.txt, provenance.json. Written by rank 0.
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"

namespace brainmt::run {

/// What is known about one start of the program.
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
  std::string task{};                         // JSON: the targets, and what was fitted on the training part

  /// What the caller has to say, but for overrides and libraries.
  static StartRecord from_config(const config::Config& config, int ranks);
};

/// The name of this host.
std::string host_name();

/// Makes `run_dir` when it is missing. Throws OutputError.
void make_run_directory(const std::filesystem::path& run_dir);

/// config.yaml and overrides.txt say how the run was last started; provenance.json lists every start.
void write_start_record(const std::filesystem::path& run_dir, const StartRecord& record);

/// Keys whose values differ between two resolved configurations in YAML, each as "key (was a, is b)".
std::vector<std::string> differing_keys(const std::string& before, const std::string& now);

}  // namespace brainmt::run

#pragma once
// The files of a run that say what it is: config.yaml, overrides.txt, provenance.json. Written by rank 0.
#include <filesystem>
#include <string>
#include <vector>

namespace brainmt::train {

/// What the caller knows about this start of the program.
struct StartRecord {
  std::string config_yaml;             // the whole resolved configuration
  std::vector<std::string> overrides;  // key=value as typed
  std::string build;                   // version, compiler, libraries
  int ranks = 1;
  std::string task{};  // JSON: the targets, and what was fitted on the training part; set by train()
};

/// Makes `run_dir` when it is missing. Throws OutputError.
void make_run_directory(const std::filesystem::path& run_dir);

/// config.yaml and overrides.txt say how the run was last started; provenance.json lists every start.
void write_start_record(const std::filesystem::path& run_dir, const StartRecord& record);

/// Keys whose values differ between two resolved configurations in YAML, each as "key (was a, is b)".
std::vector<std::string> differing_keys(const std::string& before, const std::string& now);

}  // namespace brainmt::train

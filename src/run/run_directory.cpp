#include "run/run_directory.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>
#include <system_error>

#include "base/error.hpp"
#include "base/version.hpp"
#include "io/atomic_file.hpp"

namespace brainmt::run {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 10> kFilesOfAStart{
    "lock",    "config.yaml",   "overrides.txt", "provenance.json", "split.json",
    "log.txt", "metrics.jsonl", "metrics.csv",   "algorithms.json", "checkpoints"};

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

// Neighbouring ranks of one host in one entry: few lines for many ranks.
nlohmann::ordered_json runs_of(const std::vector<std::string>& hosts) {
  auto runs = nlohmann::ordered_json::array();
  for (const std::string& host : hosts) {
    if (runs.empty() || runs.back()["host"] != host) runs.push_back({{"host", host}, {"ranks", 0}});
    runs.back()["ranks"] = runs.back()["ranks"].get<int>() + 1;
  }
  return runs;
}

nlohmann::ordered_json earlier_starts(const fs::path& path) {
  std::ifstream in(path);
  auto starts = nlohmann::ordered_json::parse(in, nullptr, /*allow_exceptions=*/false);
  return starts.is_array() ? starts : nlohmann::ordered_json::array();
}

// "section.key" -> value, for the two levels that a resolved configuration has.
std::map<std::string, std::string> flatten(const std::string& yaml) {
  std::map<std::string, std::string> values;
  std::istringstream lines(yaml);
  std::string line, section;
  while (std::getline(lines, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const bool nested = line.starts_with("  ");
    const std::string key = line.substr(nested ? 2 : 0, colon - (nested ? 2 : 0));
    const std::string value = colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    if (!nested && value.empty())
      section = key + ".";
    else
      values[(nested ? section : "") + key] = value;
  }
  return values;
}

}  // namespace

StartRecord StartRecord::from_config(const config::Config& config, int ranks) {
  return {.config_yaml = config.to_yaml(),
          .overrides = {},
          .version = brainmt::version(),
          .revision = brainmt::git_revision(),
          .compiler = brainmt::compiler(),
          .libraries = {},
          .precision = config.get<std::string>("precision"),
          .ranks = ranks};
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

StartingRun::StartingRun(fs::path run_dir) : run_dir_(std::move(run_dir)) {
  std::error_code error;
  for (fs::path path = run_dir_; !path.empty() && !fs::exists(path, error); path = path.parent_path())
    made_.insert(made_.begin(), path);
  had_lock_ = fs::exists(run_dir_ / "lock", error);
  fs::create_directories(run_dir_, error);
  if (error) throw OutputError(fmt::format("run.dir={}: cannot be made: {}", run_dir_.string(), error.message()));
}

void StartingRun::watch() {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(run_dir_, ignored)) before_.insert(entry.path().filename().string());
  if (!had_lock_) before_.erase("lock");
  watches_ = true;
}

StartingRun::~StartingRun() {
  if (kept_) return;
  std::error_code ignored;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(run_dir_, ignored)) {
    const std::string name = entry.path().filename().string();
    const bool is_ours = std::ranges::count(kFilesOfAStart, name) > 0 || name.starts_with("events.out.tfevents.");
    if (watches_ && is_ours && !before_.contains(name)) files.push_back(entry.path());
  }
  for (const fs::path& file : files) fs::remove(file, ignored);  // of checkpoints/: where it is empty
  for (auto path = made_.rbegin(); path != made_.rend(); ++path) fs::remove(*path, ignored);
}

void write_start_record(const fs::path& run_dir, const StartRecord& record) {
  io::write_atomically(run_dir / "config.yaml", record.config_yaml);
  io::write_atomically(run_dir / "overrides.txt", fmt::format("{}\n", fmt::join(record.overrides, "\n")));
  nlohmann::ordered_json libraries;
  for (const auto& [name, version] : record.libraries) libraries[name] = version;
  nlohmann::ordered_json start{{"started", utc_now()},
                               {"first_step", record.first_step},
                               {"version", record.version},
                               {"revision", record.revision},
                               {"compiler", record.compiler},
                               {"libraries", libraries},
                               {"ranks", record.ranks},
                               {"hosts", runs_of(record.hosts)},
                               {"precision", record.precision},
                               {"data_sha256", record.data_sha256},
                               {"split_sha256", record.split_sha256},
                               {"overrides", record.overrides},
                               {"configuration", record.config_yaml}};
  if (!record.voxels_sha256.empty()) start["voxels_sha256"] = record.voxels_sha256;
  if (!record.data.empty()) start["data"] = nlohmann::ordered_json::parse(record.data);
  if (!record.task.empty()) start["task"] = nlohmann::ordered_json::parse(record.task);
  for (const char* variable : {"SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_RESTART_COUNT",
                               "SLURM_JOB_END_TIME", "BRAINMT_FAULT"})
    if (const char* value = std::getenv(variable)) start[variable] = value;
  auto starts = earlier_starts(run_dir / "provenance.json");
  starts.push_back(std::move(start));
  io::write_atomically(run_dir / "provenance.json", starts.dump(2) + "\n");
}

std::vector<std::string> differing_keys(const std::string& before, const std::string& now) {
  const auto old_values = flatten(before), new_values = flatten(now);
  const auto value_in = [](const auto& values, const std::string& key) {
    const auto found = values.find(key);
    return found == values.end() ? std::string("its default") : found->second;
  };
  std::map<std::string, std::string> all = old_values;
  all.insert(new_values.begin(), new_values.end());
  std::vector<std::string> differing;
  for (const auto& [key, value] : all) {
    const std::string was = value_in(old_values, key), is = value_in(new_values, key);
    if (was != is) differing.push_back(fmt::format("{} (was {}, is {})", key, was, is));
  }
  return differing;
}

}  // namespace brainmt::run

#include "analysis/prediction_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "analysis/result_files.hpp"
#include "base/error.hpp"
#include "config/yaml.hpp"
#include "io/file_kind.hpp"
#include "io/table.hpp"
#include "run/run_keys.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

TargetKind kind_of(const std::string& name, const Json& entry) {
  const bool classes = entry.value("task", "") == "classification";
  return {name, classes ? task::Task::kClassification : task::Task::kRegression};
}

std::vector<TargetKind> targets_of(const fs::path& path) {
  std::ifstream in(path);
  if (!in) return {};
  const Json metrics = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!metrics.is_object() || !metrics.contains("task"))
    throw DataError(fmt::format("{}: cannot be read as metrics: run the command that wrote it again", path.string()));
  if (!metrics.contains("targets")) return {kind_of(metrics.value("target", ""), metrics)};
  std::vector<TargetKind> targets;
  for (const auto& [name, entry] : metrics["targets"].items()) targets.push_back(kind_of(name, entry));
  return targets;
}

// A setting of config.yaml, whatever command wrote it.
std::string setting(const std::map<std::string, std::string>& config, const char* key) {
  const auto found = config.find(key);
  return found == config.end() ? "" : found->second;
}

std::map<std::string, std::string> settings_of(const fs::path& path) {
  std::map<std::string, std::string> settings;
  if (fs::exists(path))
    for (const auto& [key, value] : config::read_yaml(path))
      if (!value.is_list && !value.items.empty()) settings[key] = value.items.front();
  return settings;
}

fs::path plain(const fs::path& path) {
  const fs::path normal = fs::absolute(path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

}  // namespace

PredictionSource read_source(const fs::path& path, const std::string& part) {
  PredictionSource source{.path = path, .table = {}};
  if (!fs::is_directory(path)) {
    if (!fs::exists(path))
      throw DataError(fmt::format("'{}': expected a run directory or a table of predictions, found {}", path.string(),
                                  io::kind_of(path).text));
    source.table = read_prediction_table(path);
    return source;
  }
  const fs::path predictions = path / result_file("predictions.tsv", part);
  if (!fs::exists(predictions)) {
    const bool is_run = fs::exists(path / "config.yaml");
    throw DataError(fmt::format("'{}': no {} in it{}", path.string(), predictions.filename().string(),
                                is_run ? fmt::format(": run 'brainmt evaluate run.dir={}{}' first", path.string(),
                                                     part == "test" ? "" : " split=" + part)
                                       : "; expected a run directory, or what 'brainmt evaluate' wrote"));
  }
  source.table = read_prediction_table(predictions);
  source.targets = targets_of(path / result_file("metrics.json", part));
  const auto settings = settings_of(path / "config.yaml");
  source.cohort = setting(settings, "data.cohort");
  if (!run::is_baseline(path)) source.family = setting(settings, "model.family");
  if (!fs::exists(path / "split.json")) return source;
  source.split = task::load_split(path / "split.json");
  const auto seed = io::parse_number(setting(settings, "run.seed"));
  source.seed = static_cast<std::int64_t>(seed ? *seed : static_cast<double>(source.split->plan.seed));
  source.fold = source.split->plan.folds > 0 ? source.split->plan.fold : 0;
  return source;
}

bool same_parts(const task::Split& a, const task::Split& b) { return a.ids == b.ids; }

std::vector<std::string> unique_names(const std::vector<fs::path>& paths) {
  std::vector<std::string> names;
  for (const fs::path& path : paths) {
    fs::path above = plain(path);
    if (above.filename() == "predictions.tsv") above = above.parent_path();
    const std::string extension = above.extension().string();
    const bool is_table = extension == ".tsv" || extension == ".csv" || extension == ".txt";
    std::string name = (is_table && !fs::is_directory(above) ? above.stem() : above.filename()).string();
    while (std::ranges::find(names, name) != names.end()) {
      above = above.parent_path();
      name = above.has_filename() ? above.filename().string() + "/" + name : name + "'";
    }
    names.push_back(name);
  }
  return names;
}

}  // namespace brainmt::analysis

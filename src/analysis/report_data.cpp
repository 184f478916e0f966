#include "analysis/report_data.hpp"

#include <fmt/ranges.h>

#include <cmath>
#include <fstream>

#include "analysis/prediction_table.hpp"
#include "analysis/result_files.hpp"
#include "base/error.hpp"
#include "config/yaml.hpp"
#include "io/file_kind.hpp"
#include "run/run_keys.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json read_json(const fs::path& path) {
  std::ifstream file(path);
  if (!file) return nullptr;
  Json json = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    throw DataError(fmt::format("{}: expected JSON; run the command that wrote it again", path.string()));
  return json;
}

// Every number of a line becomes a point of the curve of its name.
void read_curves(const fs::path& path, RunRecord& run) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const bool usable = object.is_object() && object.contains("step") && object["step"].is_number() &&
                        object.contains("split") && object["split"].is_string();
    if (!usable) {
      ++run.unreadable_lines;
      continue;
    }
    auto& curves = run.curves[object["split"].get<std::string>()];
    for (const auto& [name, value] : object.items())
      if (name != "step" && value.is_number())
        curves[name].push_back({object["step"].get<double>(), value.get<double>()});
  }
}

void read_split(const fs::path& path, RunRecord& run) {
  const Json json = read_json(path);
  if (!json.is_object()) return;
  const auto folds = json.find("folds");
  const bool has_folds = folds != json.end() && folds->is_number() && *folds > 1;
  for (const char* key : {"seed", "ids_sha256", "fold", "folds", "group"}) {
    const auto found = json.find(key);
    const bool is_fold = std::string_view(key).starts_with("fold");
    if (found == json.end() || (is_fold && !has_folds)) continue;
    if (found->is_string() && found->get<std::string>().empty()) continue;
    run.split[key] = found->is_string() ? found->get<std::string>() : found->dump();
  }
  for (const char* part : {"train", "val", "test"})
    if (json.contains(part) && json[part].is_array()) run.split[part] = std::to_string(json[part].size());
}

std::vector<ScoredPrediction> read_predictions(const fs::path& path) {
  std::vector<ScoredPrediction> all;
  if (!fs::exists(path)) return all;
  for (const PredictionRow& row : read_prediction_table(path).rows)
    all.push_back({row.participant_id, row.part, row.target, row.truth, row.predicted, row.logit, row.prob});
  return all;
}

// metrics.json of one target, or of a multitask run with an object for each; of the test split where it was evaluated.
void read_results(const fs::path& directory, RunRecord& run) {
  const std::string part = evaluated_part(directory);
  const Json metrics = part.empty() ? Json() : read_json(directory / result_file("metrics.json", part));
  if (!metrics.is_object()) return;
  run.evaluated_part = metrics.value("split", "");
  const auto texts_of = [&](const char* key, std::vector<std::string>& texts) {
    for (const Json& text : metrics.value(key, Json::array()))
      if (text.is_string()) texts.push_back(text.get<std::string>());
  };
  texts_of("data_mismatch", run.mismatches);
  texts_of("data_difference", run.differences);
  const bool multitask = metrics.contains("targets") && metrics["targets"].is_object();
  const auto add = [&](const std::string& target, const Json& of_target) {
    run.results.push_back(
        {target, of_target.value("task", "") == "classification", of_target, {}, {"class 0", "class 1"}});
  };
  if (multitask)
    for (const auto& [target, of_target] : metrics["targets"].items()) add(target, of_target);
  else
    add(metrics.value("target", ""), metrics);
  for (ScoredPrediction& prediction : read_predictions(directory / result_file("predictions.tsv", part)))
    for (TargetResult& result : run.results)
      if ((!multitask || prediction.target == result.target) && !std::isnan(prediction.truth))
        result.predictions.push_back(prediction);
}

// As a reader would write it: without quotes.
std::string shown(const config::RawValue& value) {
  const std::string items = fmt::format("{}", fmt::join(value.items, ", "));
  return value.is_list ? "[" + items + "]" : items;
}

}  // namespace

std::string RunRecord::setting(const std::string& key) const {
  const auto found = config.find(key);
  return found == config.end() ? "" : found->second;
}

const std::vector<CurvePoint>* RunRecord::curve(const std::string& part, const std::string& name) const {
  const auto of_part = curves.find(part);
  if (of_part == curves.end()) return nullptr;
  const auto found = of_part->second.find(name);
  return found == of_part->second.end() ? nullptr : &found->second;
}

std::string metric_label(const std::string& key) {
  static const std::map<std::string, std::string> kLabels{{"auroc", "AUROC"},
                                                          {"balanced_accuracy", "Balanced accuracy"},
                                                          {"accuracy", "Accuracy"},
                                                          {"f1", "F1"},
                                                          {"precision", "Precision"},
                                                          {"recall", "Recall"},
                                                          {"pearson_r", "Correlation r"},
                                                          {"r2", "R²"},
                                                          {"mae", "Mean absolute error"},
                                                          {"mse", "Mean squared error"},
                                                          {"pearson_p", "p of r"},
                                                          {"loss", "Loss"}};
  const auto found = kLabels.find(key);
  return found == kLabels.end() ? key : found->second;
}

void set_facts(RunRecord& run, CohortFacts facts) {
  for (TargetResult& result : run.results)
    if (result.is_classification)
      result.classes = {facts.class_name(result.target, 0), facts.class_name(result.target, 1)};
  run.facts = std::make_shared<const CohortFacts>(std::move(facts));
}

RunRecord read_run(const fs::path& directory) {
  if (!fs::exists(directory / "config.yaml"))
    throw DataError(
        fmt::format("'{}': expected the directory of a run of 'brainmt train' with its config.yaml, found {}",
                    directory.string(), io::kind_of(directory).text));
  RunRecord run{.directory = directory, .is_baseline = run::is_baseline(directory)};
  const fs::path plain = directory.lexically_normal();
  run.name = plain.has_filename() ? plain.filename().string() : plain.parent_path().filename().string();
  for (const auto& [key, value] : config::read_yaml(directory / "config.yaml")) run.config[key] = shown(value);
  run.provenance = read_json(directory / "provenance.json");
  read_curves(directory / "metrics.jsonl", run);
  read_split(directory / "split.json", run);
  read_results(directory, run);
  if (!run.evaluated_part.empty()) run.baselines = baselines_of(directory, run.evaluated_part);
  return run;
}

}  // namespace brainmt::analysis

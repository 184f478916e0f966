#pragma once
// Reads a run directory for the report. Files that are not there leave their part empty; a line of metrics.jsonl that
// cannot be read is left out and counted.
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "analysis/cohort_facts.hpp"
#include "analysis/paired.hpp"
#include "analysis/run_baselines.hpp"

namespace brainmt::analysis {

using CurvePoint = std::array<double, 2>;  // step, value

/// One row of predictions.tsv.
struct ScoredPrediction {
  std::string participant_id, part, target;
  double truth = 0, predicted = 0;
  double logit = 0, probability = 0;  // NaN for a regression
};

/// What was measured for one target of a run: an object of metrics.json, and its predictions.
struct TargetResult {
  std::string target;
  bool is_classification = false;
  nlohmann::ordered_json metrics;
  std::vector<ScoredPrediction> predictions;                 // those with a label
  std::array<std::string, 2> classes{"class 0", "class 1"};  // names
};

struct RunRecord {
  std::filesystem::path directory;
  bool is_baseline = false;                     // of 'brainmt baseline': no network, no steps, no windows
  std::string name{};                           // shown: the directory's, made unique by the caller
  std::map<std::string, std::string> config{};  // "optimizer.lr" -> "0.001"
  nlohmann::ordered_json provenance{};          // list of starts
  std::map<std::string, std::string> split{};   // seed, ids_sha256, train, val, test (counts)
  std::map<std::string, std::map<std::string, std::vector<CurvePoint>>> curves{};  // "train" -> "loss" -> points
  std::vector<TargetResult> results{};                                             // after evaluate
  std::string evaluated_part{};                                                    // "test"
  std::vector<RunBaseline> baselines{};                                            // beside the run, of that part
  std::size_t unreadable_lines = 0;                                                // of metrics.jsonl
  std::shared_ptr<const CohortFacts> facts{};  // null where the cohort is not available
  std::string cohort_note{};                   // why it is not
  // Of the evaluated cohort against what the model was trained on: allowed by data.allow_mismatch, and warned of.
  std::vector<std::string> mismatches{}, differences{};

  std::string setting(const std::string& key) const;  // "" when it is not there
  /// Null when there is no such curve.
  const std::vector<CurvePoint>* curve(const std::string& part, const std::string& name) const;
};

/// A metric as people know it: "auroc" -> "AUROC"; unknown ones as they are.
std::string metric_label(const std::string& key);

/// Takes what the cohort says, names of classes included.
void set_facts(RunRecord& run, CohortFacts facts);

/// Throws DataError when `directory` is no run directory, or a file in it is not what its name says.
RunRecord read_run(const std::filesystem::path& directory);

}  // namespace brainmt::analysis

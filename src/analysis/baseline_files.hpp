#pragma once
// Files of `brainmt baseline`: for each model a folder like a run's (config.yaml, split.json, provenance.json,
// predictions.tsv, metrics.json, plots) with coefficients.tsv, lambda.tsv or grid.tsv, the model and baseline.json; and
// baselines.tsv beside them.
#include <filesystem>
#include <string>
#include <vector>

#include "analysis/evaluate.hpp"
#include "baselines/study.hpp"
#include "run/outputs.hpp"
#include "run/run_directory.hpp"
#include "task/training_data.hpp"

namespace brainmt::analysis {

/// What is the same for all models of a command.
struct BaselineContext {
  std::filesystem::path out;
  config::Config config;  // resolved, without what is the model's own
  run::StartRecord start;
  std::string split;         // test, val, train, all
  std::string split_sha256;  // of split.json as it is written
  std::string connectivity;  // JSON of the file; "" where none was given
  task::BootstrapSettings bootstrap;
  int permutations = 1000;
  bool overwrite = false;
  std::vector<std::filesystem::path> inputs{};
};

/// Throws as run::check_outputs: before anything is fitted.
void check_baseline_outputs(const BaselineContext& context, const std::vector<std::string>& models);

/// Predictions of the people that context.split names, of those that have any.
Evaluation evaluation_of(const baselines::FittedModel& model, const task::TrainingData& data, const std::string& split);

/// Writes the folder of a model, baseline.json last, and returns its lines of baselines.tsv.
std::vector<std::string> write_baseline(const BaselineContext& context, const baselines::FittedModel& model,
                                        const task::TrainingData& data);

/// Writes baselines.tsv: `lines` by model, and those that the file has of other models on the same split. Returns its path.
std::filesystem::path write_baseline_table(const BaselineContext& context, const std::vector<std::string>& models,
                                           const std::vector<std::string>& lines, bool is_multitask);

}  // namespace brainmt::analysis

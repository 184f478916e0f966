#pragma once
// Files of `brainmt baseline`: for each model a folder like a run's (config.yaml, split.json, provenance.json,
// predictions.tsv, metrics.json, plots) with coefficients.tsv, lambda.tsv or grid.tsv, the model and baseline.json; and
// baselines.tsv beside them.
#include <filesystem>
#include <string>
#include <vector>

#include "analysis/evaluate.hpp"
#include "baselines/study.hpp"
#include "io/folder_beside.hpp"
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

/// The folder of a model, written under a temporary name and removed unless commit() is reached.
class BaselineFolder {
 public:
  BaselineFolder(const BaselineContext& context, const baselines::FittedModel& model, const task::TrainingData& data);
  /// Takes the place of an older folder of this name. Files that are not of `brainmt baseline` stay, and results of
  /// other parts where they are of the same fit; else these go, and their lines of baselines.<part>.tsv.
  void commit();
  /// Of baselines.tsv.
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  bool is_same_fit() const;
  void drop_lines_of_other_parts() const;

  std::filesystem::path folder_;
  std::string model_, part_;
  io::FolderBeside beside_;
  std::vector<std::string> lines_;
};

/// Writes baselines.tsv: `lines` by model, and those that the file has of other models on the same split. Returns its path.
std::filesystem::path write_baseline_table(const BaselineContext& context, const std::vector<std::string>& models,
                                           const std::vector<std::string>& lines, bool is_multitask);

}  // namespace brainmt::analysis

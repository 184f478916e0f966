#pragma once
// Predicts the subjects of a split and scores them: one averaged output per subject and target, metrics in original
// units with bootstrap intervals.
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "models/registry.hpp"
#include "task/metrics.hpp"
#include "task/split.hpp"
#include "task/task_description.hpp"
#include "task/training_data.hpp"
#include "train/predict.hpp"

namespace brainmt::analysis {

struct EvaluateSettings {
  std::filesystem::path weights;           // safetensors with the published names
  std::optional<models::ModelPlan> model;  // for a file that does not describe its model
  std::optional<task::TaskSettings> task;  // for a file that does not describe its task
  DType activation = DType::kF32;
  bool allow_mismatch = false;     // a cohort of another space or normalisation than the model was trained on
  std::optional<task::Part> part;  // none: all subjects
  task::SplitSettings split;
  train::PredictSettings predict;
  task::BootstrapSettings bootstrap;
};

/// One row of predictions.tsv: a participant and a target.
struct Prediction {
  std::string participant_id;
  std::string part;  // "train", "val", "test", or "none" for a subject that no part uses
  std::int64_t windows = 0;
  double truth = 0;        // original units, less what confounds explain; 0 or 1; NaN: no label
  double predicted = 0;    // in the same units; the class
  double output = 0;       // what the model gave: a logit, or a scaled value
  std::size_t target = 0;  // index in the task
};

struct Evaluation {
  task::TaskDescription task;
  std::string part;  // what was asked for: a part's name or "all"
  std::vector<Prediction> predictions;
  // How the cohort differs from what the model was trained on:
  std::vector<std::string> mismatches{};   // allowed by data.allow_mismatch
  std::vector<std::string> differences{};  // warned of: repetition time, preprocessing
};

/// Collective; the same result on every rank. Throws DataError when weights, cohort and split do not fit together.
Evaluation evaluate(const EvaluateSettings& settings, const io::Cohort& cohort, comm::Communicator& comm);

/// The object of metrics.json: {task, target, split, n_subjects, <metric>...}, or of a multitask run {task, split,
/// n_subjects, targets: {<target>: {task, n_subjects, <metric>...}}}, with `confounds`, `data_mismatch` and
/// `data_difference` where there are any.
nlohmann::ordered_json metrics_of(const Evaluation& evaluation, const task::BootstrapSettings& bootstrap);

/// participant_id split n_windows y_true y_pred logit prob, of a multitask run also target, and data_mismatch where
/// there are any (the same in each row, so that a row keeps it among those of other cohorts); n/a where a column does
/// not apply or a label is missing.
std::string predictions_table(const Evaluation& evaluation);
/// The bootstrap interval of a metric, "[low, high]"; empty where it has none.
std::string interval_text(const nlohmann::ordered_json& metrics, const std::string& name, int digits = 4);
/// Metrics with their intervals as aligned lines for people.
std::string metrics_table(const nlohmann::ordered_json& metrics);

}  // namespace brainmt::analysis

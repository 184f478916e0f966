#pragma once
// What is to be predicted: one value per subject from a phenotype column, and its scaling for training.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/cohort.hpp"

namespace brainmt::train {

enum class Task { kRegression, kClassification };
Task task_of(const std::string& name);
std::string name_of(Task task);

/// z = (y - mean) / std for regression, the identity for classification. Fitted on the training split only.
struct TargetScaling {
  double mean = 0.0;
  double std = 1.0;
  double scaled(double y) const { return (y - mean) / std; }
  double original(double z) const { return z * std + mean; }
};

/// What a model predicts, kept as metadata in its weights file, so that the file alone gives values in original units.
struct TaskDescription {
  Task task = Task::kRegression;
  std::string target;
  TargetScaling scaling;
};
inline constexpr const char* kTaskKey = "brainmt.task";
std::string describe_task(const TaskDescription& description);
/// None when `text` is not such a description.
std::optional<TaskDescription> described_task(const std::string& text);

/// Mean and unbiased standard deviation. Throws DataError when all values are the same.
TargetScaling fit_scaling(const std::vector<double>& values, const std::string& column);

/// The column by scan: NaN where it is missing. Classification accepts 0 and 1, and the spellings of sex: male or m is
/// 1, female or f is 0, in any case. Throws DataError naming cohort, column, participant and value.
std::vector<double> read_labels(const io::Cohort& cohort, const std::string& column, Task task);

}  // namespace brainmt::train

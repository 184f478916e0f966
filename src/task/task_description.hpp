#pragma once
// Targets of a model with their scaling, stored as metadata in its weights file: predictions in original units need
// only the file.
#include <optional>
#include <string>
#include <vector>

#include "task/confounds.hpp"
#include "task/labels.hpp"

namespace brainmt::task {

/// One output of the model.
struct TargetDescription {
  Target target;
  TargetScaling scaling{};
  Adjustment adjustment{};  // empty without confounds
};

struct TaskDescription {
  bool is_multitask = false;               // asked for as task=multitask: reports name every target
  std::vector<TargetDescription> targets;  // in the order of the model's outputs
  ConfoundCoding confounds{};
  bool is_reconstruction = false;  // of hidden parts of the input: there are no targets
  bool learns_weights = false;     // task.weights=auto: of the targets' losses, in training
};

/// regression, classification, multitask or reconstruction.
std::string name_of(const TaskDescription& description);

inline constexpr const char* kTaskKey = "brainmt.task";
/// One JSON object: {task, target, mean, std, ...}, or {task: "multitask", targets: [...]}, and with confounds their
/// coding and coefficients.
std::string describe_task(const TaskDescription& description);
/// None when `text` is not such a description.
std::optional<TaskDescription> described_task(const std::string& text);

}  // namespace brainmt::task

#pragma once
// Training data before the first window is read: subjects, the three splits, values fitted on the training split
// (confounds, scaling of targets), and a fingerprint.
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "task/dataset.hpp"
#include "task/split.hpp"
#include "task/task_description.hpp"

namespace brainmt::task {

struct SplitSettings {
  std::filesystem::path file{};     // to be used as it is; empty: the run directory's, or a new one
  std::filesystem::path run_dir{};  // where split.json lies; empty: nowhere
  SplitPlan plan{};

  static SplitSettings from_config(const config::Config& config);  // data.split_file, run.dir, and the plan's
};

/// The given file, or the run's split.json when it was made after the same plan, or a new split. Throws DataError, also
/// when it names participants that the cohort lacks, or when data.split_group is given and a group is in two parts.
Split choose_split(const Dataset& data, const SplitSettings& settings);

struct TaskSettings {
  bool is_multitask = false;
  std::vector<TargetRequest> targets;    // none: reconstruction
  std::vector<std::string> confounds{};  // removed from regression targets
  bool learns_weights = false;           // of the targets' losses: task.weights=auto
  bool shuffle = false;                  // permute the labels within the training split and within the validation split
  std::uint64_t seed = 42;

  bool is_reconstruction() const { return targets.empty(); }
  static TaskSettings from_config(const config::Config& config);  // task, task.*, run.seed
};

struct TrainingData {
  Dataset data;  // labels without what the confounds explain
  Split split;
  std::array<std::vector<std::size_t>, 3> parts;  // indices of subjects, by Part
  TaskDescription task;
  std::string sha256;
  std::vector<std::string> warnings{};  // about the split and the confounds, for the log of one rank

  const std::vector<std::size_t>& part(Part p) const { return parts[static_cast<std::size_t>(p)]; }
  /// Scans of the participants of a part.
  std::vector<std::size_t> scans_of(Part p) const;
  std::size_t outputs() const { return task.targets.size(); }
};

/// The targets of `settings`, their tasks inferred where they were not given. Throws UsageError where confounds meet a
/// classification.
std::vector<Target> targets_of(const io::Cohort& cohort, const TaskSettings& settings);

TrainingData prepare_training_data(const io::Cohort& cohort, const TaskSettings& task, const SplitSettings& split,
                                   std::int64_t frames);

}  // namespace brainmt::task

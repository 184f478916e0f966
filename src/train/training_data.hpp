#pragma once
// Everything that training knows about its data before the first window is read: subjects, the three parts, the scaling
// of the target fitted on the training part, and a fingerprint.
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "train/dataset.hpp"
#include "train/split.hpp"

namespace brainmt::train {

struct SplitSettings {
  std::filesystem::path file;     // to be used as it is; empty: the run directory's, or a new one
  std::filesystem::path run_dir;  // where split.json lies; empty: nowhere
  std::array<double, 3> fractions{0.7, 0.15, 0.15};
  std::uint64_t seed = 42;
};

/// The given file, or the run's split.json when it was made with the same seed and fractions, or a new split. Throws
/// DataError, also when it names participants that the cohort lacks.
Split choose_split(const Dataset& data, const SplitSettings& settings);

struct TrainingData {
  Dataset data;
  Split split;
  std::array<std::vector<std::size_t>, 3> parts;  // indices of subjects, by Part
  TargetScaling scaling;
  std::string sha256;

  const std::vector<std::size_t>& part(Part p) const { return parts[static_cast<std::size_t>(p)]; }
};

struct TargetSettings {
  Task task = Task::kRegression;
  std::string column;
  bool shuffle = false;  // permute the labels within the training part and within the validation part
  std::uint64_t seed = 42;
};

TrainingData prepare_training_data(const io::Cohort& cohort, const TargetSettings& target, const SplitSettings& split,
                                   std::int64_t frames);

}  // namespace brainmt::train

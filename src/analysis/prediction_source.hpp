#pragma once
// One place that predictions come from: a run directory (of 'brainmt train' or 'brainmt baseline'), the directory of an
// evaluation, or a table.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "analysis/prediction_table.hpp"
#include "task/labels.hpp"
#include "task/split.hpp"

namespace brainmt::analysis {

struct TargetKind {
  std::string name;
  task::Task task = task::Task::kRegression;
  bool operator==(const TargetKind&) const = default;
};

struct PredictionSource {
  std::filesystem::path path;          // as given
  std::vector<TargetKind> targets{};   // of metrics.json; empty for a table
  std::optional<task::Split> split{};  // of a run directory
  std::int64_t seed = 0, fold = 0;     // of a run directory
  std::string family{};                // model.family of a network; empty: none, or not known
  std::string cohort{};                // data.cohort of the run's configuration; empty: not known
  PredictionTable table;

  /// A run's own split says who is in the test part; other predictions are checked against it.
  bool is_run() const { return split.has_value(); }
};

/// `part`: train, val, test or all; of a directory the files of that part are read. Throws DataError where there are none, or they
/// cannot be read.
PredictionSource read_source(const std::filesystem::path& path, const std::string& part);

/// Have both the same participants in each part? (The file's hash is of all participants, whatever their part.)
bool same_parts(const task::Split& a, const task::Split& b);

/// Names of paths for people: the last component, with as many of those above it as tell them apart.
std::vector<std::string> unique_names(const std::vector<std::filesystem::path>& paths);

}  // namespace brainmt::analysis

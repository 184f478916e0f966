#pragma once
// The models of a comparison: reads them, and refuses what must not be compared.
//
// A model is one or several run directories (seeds, folds), or a table of anybody's predictions. A table is checked
// against the split.json of the first model with run directories: of the run with the same `seed` and `fold` where the
// table has these columns. Refused, with count, first participant and line: participants that the split does not know,
// participants of its training or validation part, participants twice, a y_true that is not the run's. Participants of
// the part without a prediction are counted. y_true may be missing; a regression's may be in other units (z-scored):
// where it is an increasing linear function of the run's, predictions are converted with it.
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/paired.hpp"
#include "analysis/prediction_source.hpp"

namespace brainmt::analysis {

/// Of one run: which participants it must not be tested on.
struct FoldSplit {
  std::int64_t seed = 0, fold = 0;
  task::Split split;
  std::filesystem::path path;
};

struct ModelPredictions {
  Repeats repeats;
  std::size_t missing = 0;                 // participants with a label and without a prediction
  std::vector<std::string> first_missing;  // at most five
};

struct ComparedModel {
  std::string name;
  std::string folder{};  // what it is called after its path, also where `name` is another
  std::vector<std::filesystem::path> paths;
  bool is_table = false;
  bool has_seeds = true;            // false: its predictions are of no seed, and stand beside those of every seed
  std::vector<FoldSplit> splits{};  // empty: not known
  std::map<std::string, ModelPredictions> targets{};  // by name
  std::size_t other_part = 0;                         // rows of other parts, left out
  std::vector<std::string> notes{};                   // for the log and the page
};

struct ComparedModels {
  std::vector<TargetKind> targets;
  std::vector<ComparedModel> models;
  std::string group{};                                          // column of the first split that keeps groups together
  std::string cohort{};                                         // of the first run that names one
  std::map<std::string, std::array<std::string, 2>> classes{};  // names, by target; targets without: not known

  /// The class's name, or "class 1" where it is not known.
  std::array<std::string, 2> classes_of(const std::string& target) const;
};

struct CompareInputs {
  std::vector<std::string> models;     // "PATH" or, of several runs of one model, "PATH,PATH"
  std::vector<std::string> names{};    // empty: made from the paths; with the family where that is a target's name
  std::string part = "test";           // train, val, test or all
  std::filesystem::path split_file{};  // for tables without any run
  bool allow_overlap = false;
};

/// Throws DataError for predictions that cannot be compared.
ComparedModels read_models(const CompareInputs& inputs);

/// The repeats of two models that belong together, under equal keys: those of equal seed; the only repeat of a model
/// beside every repeat of the other where all of these have one split.
std::pair<Repeats, Repeats> aligned(const ComparedModel& a, const ComparedModel& b, const std::string& target);

/// Participants that one model was tested on and the other was trained or validated on, in runs that are compared.
std::size_t overlap(const ComparedModel& a, const ComparedModel& b);

}  // namespace brainmt::analysis

#pragma once
// The baselines that stand beside a run: RUN/baselines/<model>/ of 'brainmt baseline', where they have the run's split.
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "analysis/paired.hpp"
#include "analysis/prediction_source.hpp"

namespace brainmt::analysis {

struct RunBaseline {
  std::string name;                       // of the folder: "ridge"
  std::string title;                      // for readers: "ridge on connectivity"
  std::map<std::string, Repeat> targets;  // predictions of the part, by target
};

/// Sorted by name. Folders without predictions of that part are skipped; those of another split, and damaged ones, are
/// left out with a warning.
std::vector<RunBaseline> baselines_of(const std::filesystem::path& run, const std::string& part);

/// "ridge" -> "ridge on connectivity"; unknown ones as they are.
std::string baseline_title(const std::string& name);

/// How such baselines are made, for pages that have none.
std::string how_to_make_baselines(const std::string& run);

/// A baseline beside a model.
struct BaselineScore {
  std::string title;
  Estimate estimate;
  Comparison difference;  // of the baseline minus the model
  double p_holm = kUndefinedEstimate;
};

/// Each against the model; Holm over all of them.
std::vector<BaselineScore> score_baselines(const Repeats& model,
                                           const std::vector<std::pair<std::string, Repeats>>& baselines,
                                           const std::string& metric, task::Task task, const Resampling& resampling);

/// One plain sentence about the best baseline that scores better than the model over the same participants; empty where
/// none does.
std::string sentence_of_winner(const std::vector<BaselineScore>& baselines, const std::string& model,
                               const std::string& target, const std::string& metric);

}  // namespace brainmt::analysis

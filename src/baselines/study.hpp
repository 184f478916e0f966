#pragma once
// The baselines of one task on one split: people and labels as training sees them (task/training_data.hpp), models
// fitted on its training part, outputs for everybody who has features.
//
//   mean         training mean, or the log-odds of the training prevalence
//   confounds    ridge or logistic on columns of the cohort; needs no scan
//   ridge, krr   linear and kernel ridge on connectivity; classes as 0 and 1
//   logistic     classes only
//   xgboost      trees on connectivity, where the build has the library
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "baselines/boosted.hpp"
#include "baselines/nested.hpp"
#include "config/config.hpp"
#include "task/training_data.hpp"

namespace brainmt::baselines {

struct StudySettings {
  std::vector<std::string> models{};     // empty: all that fit the task but xgboost
  std::vector<std::string> confounds{};  // empty: task.confounds, else age, sex, site, mean_fd as far as there
  std::vector<double> lambda{};          // empty: those of each model
  int folds = 5;
  bool use_val = false;  // fit on training and validation people
  std::uint64_t seed = 42;
  BoostedSettings boosted{};

  static StudySettings from_config(const config::Config& config);  // models, baseline.*, xgboost.*, run.seed
};

/// Connectivity of the people of a study.
struct Connectivity {
  std::vector<float> values;  // [people, edges], NaN: missing
  std::size_t edges = 0;
  std::map<std::string, std::size_t> row_of;  // by participant
  std::vector<std::string> edge_names;        // "index_a\tindex_b\tname_a\tname_b" of each edge
  std::string metadata = "{}";                // JSON of the file
};

/// Lines of a table that is written for each target.
struct TextTable {
  std::string header;
  std::vector<std::string> lines{};
};

struct Tensor64 {
  std::string name;
  std::vector<double> values;
};

/// A model of one target.
struct FittedTarget {
  std::size_t target = 0;                     // index in the task
  std::vector<std::optional<double>> output;  // by subject: original units, or above 0 for class 1; none: no features
  TextTable coefficients{}, choice{};         // empty header: the model has none
  std::vector<Tensor64> tensors{};            // of the model file
  std::string trees{};                        // instead of them, XGBoost's model
  std::string facts{};                        // JSON: lambda, folds, people, edges
};

struct FittedModel {
  std::string name;
  std::vector<FittedTarget> targets;
  std::vector<std::string> terms{};     // of confounds
  std::vector<std::string> warnings{};  // for the log of one rank
};

class Study {
 public:
  /// `connectivity` may be null; both outlive it. Throws UsageError for models that do not exist, that the task or the
  /// build has no use for, or that need connectivity.
  Study(const task::TrainingData& data, const Connectivity* connectivity, StudySettings settings);

  /// In the order of fitting.
  const std::vector<std::string>& models() const { return models_; }
  FittedModel fit(const std::string& model);

 private:
  struct People {
    Rows subjects;
    std::vector<double> y;
    std::vector<task::Participant> participants;
  };
  People people_of(std::size_t target, std::span<const task::Part> parts, bool with_features) const;
  std::vector<task::Part> fitted_parts() const;
  bool is_classes(std::size_t target) const;
  FittedTarget fit_mean(std::size_t target) const;
  FittedTarget fit_linear(const std::string& model, std::size_t target, const EdgeMatrix& x,
                          const std::vector<std::optional<std::size_t>>& row_of, const std::vector<std::string>& names,
                          const std::string& header, FittedModel& result) const;
  struct Staged {
    Labelled train, validation;
    std::string stopped_on;
  };
  Staged staged_people(std::size_t target, const std::vector<std::optional<std::size_t>>& row_of,
                       FittedModel& result) const;
  FittedTarget fit_boosted_trees(std::size_t target, FittedModel& result) const;
  std::vector<std::optional<std::size_t>> connectivity_rows() const;

  const task::TrainingData& data_;
  const Connectivity* connectivity_;
  StudySettings settings_;
  std::vector<std::string> models_;
};

/// Every model there is.
const std::vector<std::string>& model_names();
/// Does it need a file of connectivity?
bool needs_connectivity(const std::string& model);

/// Columns of a cohort as numbers, coded and filled by the training people: texts one column for each level but the most
/// frequent (task/confounds.hpp), missing numbers the mean, missing texts the most frequent.
struct ConfoundColumns {
  std::vector<std::string> terms;
  std::vector<double> values;  // [subjects, terms]
};
ConfoundColumns confound_columns(const task::TrainingData& data, const std::vector<std::string>& names,
                                 const Rows& fitted);

/// age, sex, site and motion, as far as the cohort has them and they are not what is predicted.
std::vector<std::string> usual_confounds(const task::TrainingData& data);

}  // namespace brainmt::baselines

#pragma once
// Every model beside every other, over the same participants: what `brainmt compare` computes and writes.
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "analysis/compared_models.hpp"
#include "analysis/paired.hpp"

namespace brainmt::analysis {

struct ModelScore {
  std::size_t model = 0;  // index in ComparedModels::models
  std::string metric;
  Estimate estimate;  // over all participants that the model predicts
  std::size_t repeats = 0;
};

struct PairScore {
  std::size_t a = 0, b = 0;  // a minus b; b is the reference where it is one of the two
  Comparison result;
  double p_holm = kUndefinedEstimate, p_delong_holm = kUndefinedEstimate;  // over all pairs and targets
  std::size_t overlap = 0;  // participants that one was tested on and the other trained on
};

struct TargetComparison {
  TargetKind target;
  std::string metric;              // of the pairs
  std::vector<ModelScore> scores;  // of each model all metrics of the task, the compared one first
  std::vector<PairScore> pairs;

  /// Null where the model does not predict the target.
  const ModelScore* score(std::size_t model) const;
};

struct ModelComparison {
  ComparedModels models;
  std::size_t reference = 0;
  std::string part, blocks;  // the column; empty: everybody alone
  Resampling resampling;
  std::vector<TargetComparison> targets;
};

struct ComparisonSettings {
  std::string metric;     // of the targets that have it; others and empty: auroc, pearson_r
  std::string reference;  // name of a model; empty: the first
  bool all_pairs = true;  // false: with the reference only
  std::string part = "test", blocks;
  Resampling resampling;
};

/// Throws UsageError for a metric that no target has and a reference that is no model, DataError where no two models
/// have a participant in common.
ModelComparison compare_models(ComparedModels models, const ComparisonSettings& settings);

/// "ridge predicts sex best: AUROC 0.861 [0.802, 0.905]. It differs from ...": the best models of a target, whether they are
/// shown to predict, and which others they differ from; also which have no value. Empty where none has one.
std::string verdict(const ModelComparison& comparison, const TargetComparison& target);

/// comparison.tsv: a b target metric n value_a value_b difference low high p p_holm method p_delong p_delong_holm
/// families repeats overlap. A row a pair and target.
std::string comparison_table(const ModelComparison& comparison);
/// models.tsv: model target metric value low high n families repeats missing. A row a model, target and metric.
std::string models_table(const ModelComparison& comparison);
/// For the terminal.
std::string comparison_text(const ModelComparison& comparison);
/// comparison.json, version 1: all of it, with settings and the SHA-256 of every file of predictions. `program`: name and version.
nlohmann::ordered_json comparison_json(const ModelComparison& comparison, const std::string& program);
/// The inputs as comparison.json lists them: [{model, path, sha256}].
nlohmann::ordered_json inputs_json(const ComparedModels& models, const std::string& part);
/// comparison.html, self-contained.
std::string comparison_page(const ModelComparison& comparison, const std::string& footer);

}  // namespace brainmt::analysis

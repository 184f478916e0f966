#pragma once
// A metric of predictions in linear time, for thousands of resamples and permutations of the same people.
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "task/labels.hpp"

namespace brainmt::analysis {

/// auroc accuracy balanced_accuracy f1, or pearson_r r2 mae mse.
const std::vector<std::string>& metric_names(task::Task task);
/// Is a larger value of the metric better?
bool larger_is_better(const std::string& metric);

/// [n] ranks from 1; equal values share the mean of theirs. O(n log n).
std::vector<double> midranks(std::span<const double> values);

class Statistic {
 public:
  /// Throws UsageError for a metric that the task does not have.
  Statistic(const std::string& metric, task::Task task);

  /// The predictions of one repeat as value() wants them: twice their midranks for the AUROC, which depends on their
  /// order alone; otherwise as they are.
  std::vector<double> prepared(std::span<const double> scores) const;

  /// The same, brought to a scale on which those of two models may be swapped: midranks for the AUROC (Bandos et al.
  /// 2005), z-scores for the correlation, neither of which depends on a model's own scale. Others as they are.
  std::vector<double> exchangeable(std::span<const double> scores) const;

  /// Of any of the people of a repeat, each any number of times: `truth` [n] (0 and 1 of a classification) and prepared
  /// or exchangeable scores [n]. NaN where it is not defined.
  double value(std::span<const double> truth, std::span<const double> scores) const;

  bool is_auroc() const { return kind_ == Kind::kAuroc; }

 private:
  enum class Kind { kAuroc, kAccuracy, kBalancedAccuracy, kF1, kPearson, kR2, kMae, kMse };

  double auroc(std::span<const double> truth, std::span<const double> codes) const;
  double of_classes(std::span<const double> truth, std::span<const double> logits) const;

  Kind kind_;
};

}  // namespace brainmt::analysis

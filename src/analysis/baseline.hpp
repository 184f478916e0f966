#pragma once
// Baselines without scans: the training split's mean, and a linear or logistic model of confounds.
#include <map>
#include <string>
#include <vector>

#include "analysis/paired.hpp"
#include "io/cohort.hpp"
#include "task/least_squares.hpp"
#include "task/training_data.hpp"

namespace brainmt::analysis {

/// Columns of a cohort as numbers, by participant: the mean over its scans that have a value. A column of texts becomes
/// one column of 0 and 1 for each value but the first in alphabetical order; `mean_fd` is taken from the scans where
/// the table has none. Missing values are NaN.
class ConfoundTable {
 public:
  /// Throws DataError naming a column that the cohort lacks.
  ConfoundTable(const io::Cohort& cohort, const std::vector<std::string>& columns);

  /// [terms]; all NaN for a participant whom the cohort lacks.
  std::vector<double> row(const std::string& participant) const;
  std::size_t terms() const { return terms_; }

 private:
  void add_numbers(const io::Cohort& cohort, const std::vector<double>& by_scan);

  std::size_t terms_ = 0;
  std::map<std::string, std::vector<double>> rows_;
};

/// y ~ b0 + b . (x - mean) / std, or the logit of class 1 as that. Fitted by least squares, or logistic regression with
/// a small ridge (1e-3 of each standardised coefficient) that keeps separable classes finite. Missing values count as
/// the mean of the training split, constant columns have no effect.
class LinearModel {
 public:
  /// `x` [n][terms] and `y` [n] of the training split, n >= 1.
  LinearModel(const std::vector<std::vector<double>>& x, const std::vector<double>& y, task::Task task);
  /// The value, or the logit of class 1.
  double predict(const std::vector<double>& x) const;

 private:
  std::vector<double> standardised(const std::vector<double>& x) const;

  std::vector<double> mean_, scale_;
  task::LinearFit fit_;  // of the standardised terms
};

/// The labels of `target` by participant, as training with these settings sees them: without what its
/// confounds explain, where it has some.
std::map<std::string, double> labels_of(const task::TaskSettings& task, const task::SplitSettings& split,
                                        std::int64_t frames, const io::Cohort& cohort, const std::string& target);

}  // namespace brainmt::analysis

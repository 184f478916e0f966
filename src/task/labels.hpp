#pragma once
// Labels: for each target one value per subject from a phenotype column, and its scaling for training.
//
// A target is a regression (numbers) or a classification into two classes: 0 and 1; any usual spelling of sex, where
// male is 1; or any column of two values when one of them is named as class 1.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/cohort.hpp"

namespace brainmt::task {

enum class Task { kRegression, kClassification };
std::string name_of(Task task);

struct Target {
  std::string name;  // as given: a column or an alias of one (io/find_column.hpp)
  Task task = Task::kRegression;
  std::string positive{};  // the value that is class 1; empty: 0 and 1, or sex
  double weight = 1.0;     // of its mean loss in the loss of the run
};

/// A target whose task may still have to be inferred.
struct TargetRequest {
  std::string name;
  std::optional<Task> task{};
  std::string positive{};
  double weight = 1.0;
};

/// Infers the tasks that were not given. A column of texts, of 0 and 1 only, or with a positive value is
/// a classification; other numbers are a regression, but of two different values only: they are refused with a
/// UsageError, because they look like classes.
std::vector<Target> resolve_targets(const io::Cohort& cohort, const std::vector<TargetRequest>& requests);

/// The column by scan: NaN where it is missing, else a number, or 0 or 1. Throws DataError naming cohort, column,
/// participant and value. Sex coded as 1 and 2 is refused: both meanings are in use.
std::vector<double> read_labels(const io::Cohort& cohort, const Target& target);

/// z = (y - mean) / std for regression, the identity for classification. Fitted on the training split only.
struct TargetScaling {
  double mean = 0.0;
  double std = 1.0;
  double scaled(double y) const { return (y - mean) / std; }
  double original(double z) const { return z * std + mean; }
};

/// Mean and unbiased standard deviation. Throws DataError when all values are the same.
TargetScaling fit_scaling(const std::vector<double>& values, const std::string& column);

}  // namespace brainmt::task

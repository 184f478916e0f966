#pragma once
// Rows of a table of predictions: which belong to a target and part, whether they may be compared, and what they say.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "analysis/paired.hpp"
#include "analysis/prediction_source.hpp"

namespace brainmt::analysis {

struct ImportedRows {
  std::vector<const PredictionRow*> rows;  // of the table, which outlives them
  std::size_t other_part = 0;              // rows of the target that belong to another part
};

/// Of a table without runs: the targets that it names, or one called "y"; a classification where it has logits or
/// probabilities, or all labels are 0 and 1.
std::vector<TargetKind> targets_in(const PredictionTable& table);

/// Throws DataError where the table names a target that is none of these, or names none and there are several.
void check_targets(const PredictionTable& table, const std::vector<TargetKind>& targets);

/// Rows of one target; those without a name are the only one's. A row says its part in the column `split`; of the part
/// "all" those of training and validation are left out.
ImportedRows rows_of(const PredictionTable& table, const TargetKind& target, bool is_only, const std::string& part);

/// Throws DataError naming participants that `split` (of the file `split_path`; null: not known) has in another part or
/// not at all, or that are there twice.
void check_participants(const ImportedRows& rows, const std::filesystem::path& path, const task::Split* split,
                        const std::filesystem::path& split_path, const std::string& part);

/// [rows] the logit of class 1, or the value; NaN where there is none. A classification's is `logit`, else the logit of
/// `prob`, else `y_pred` as a probability, or as a class (-1 and 1). Throws DataError where it can be none of these.
std::vector<double> scores_of(const ImportedRows& rows, const TargetKind& target, const PredictionTable& table);

/// With the labels of the run (by participant; empty: the table's own). Of participants with a label and a prediction.
/// Throws DataError where y_true is another, naming the first.
Repeat imported(const ImportedRows& rows, const TargetKind& target, const PredictionTable& table,
                const std::map<std::string, double>& labels, std::vector<std::string>& notes);

/// Of one target of a run directory, checked against its own split.
Repeat predictions_of(const PredictionSource& run, const TargetKind& target, const std::string& part);

}  // namespace brainmt::analysis

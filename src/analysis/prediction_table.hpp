#pragma once
// Reads predictions: predictions.tsv of an evaluation, or a table of anybody's model (TSV or CSV, as io/table.hpp reads
// them) with `participant_id` and at least one of `y_pred`, `logit`, `prob`; `y_true`, `split`, `target`, `seed`, `fold`
// where there are any.
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace brainmt::analysis {

inline constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

struct PredictionRow {
  std::string participant_id;
  std::string part, target;      // as written; empty without the column
  double truth = kNoNumber;      // NaN: missing, or no such column
  double predicted = kNoNumber;  // y_pred
  double logit = kNoNumber, prob = kNoNumber;
  std::optional<std::int64_t> seed, fold;
  std::size_t line = 0;  // of the file
};

struct PredictionTable {
  std::filesystem::path path;
  bool has_truth = false, has_logit = false, has_prob = false, has_part = false, has_target = false;
  std::vector<PredictionRow> rows;
};

/// Throws DataError naming file and line for what cannot be read, a missing participant, and a table without predictions.
PredictionTable read_prediction_table(const std::filesystem::path& path);

}  // namespace brainmt::analysis

#pragma once
// Linear removal of confounds from regression targets:
//   y <- y - sum_j c_j (x_j - mean_train x_j)          residual of the regression, plus the mean of y
// A numeric column is one x_j; a text column is one 0/1 x_j per level except the reference, the most frequent level of
// the training split. Coding and coefficients are fitted on the training split only and stored with the weights.
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace brainmt::task {

/// Of one subject in one column: a number, or a text.
using ConfoundValue = std::variant<double, std::string>;
using ConfoundRow = std::vector<ConfoundValue>;

/// How columns become numbers.
struct ConfoundCoding {
  struct Column {
    std::string name;
    bool is_text = false;
    std::string reference{};            // of a text column
    std::vector<std::string> levels{};  // the others, sorted
    bool operator==(const Column&) const = default;
  };
  std::vector<Column> columns;

  bool empty() const { return columns.empty(); }
  std::vector<std::string> names() const;
  /// Name of each entry of coded(): "age", "site=site-2".
  std::vector<std::string> terms() const;
  /// `unseen` counts texts that the coding does not know; they are coded as the reference.
  std::vector<double> coded(std::span<const ConfoundValue> row, std::size_t* unseen = nullptr) const;
  bool operator==(const ConfoundCoding&) const = default;
};

/// `rows` are those of the training split, at least one, all with `names.size()` entries.
ConfoundCoding fit_coding(const std::vector<std::string>& names, const std::vector<ConfoundRow>& rows);

/// What is subtracted from one target; empty without confounds.
struct Adjustment {
  std::vector<double> centre, coefficients;
  double of(std::span<const double> coded) const;
  bool operator==(const Adjustment&) const = default;
};

/// `coded` [n][terms] and `y` [n] of the training subjects that have this target. Throws DataError when they are too
/// few for the terms; adds a line to `warnings` for each term without effect.
Adjustment fit_adjustment(const ConfoundCoding& coding, const std::vector<std::vector<double>>& coded,
                          const std::vector<double>& y, const std::string& target, std::vector<std::string>& warnings);

/// The warning that `count` texts outside the training split are unknown to the coding.
std::string unseen_levels(std::size_t count);

nlohmann::ordered_json to_json(const ConfoundCoding& coding);
/// Throws nlohmann::json::exception.
ConfoundCoding coding_from_json(const nlohmann::json& json);

}  // namespace brainmt::task

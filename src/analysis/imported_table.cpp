#include "analysis/imported_table.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.hpp"
#include "base/nearest.hpp"
#include "io/printable.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;

bool is_class(double value) { return value == 0 || value == 1; }

// Probabilities of 0 and 1 become logits of some size that keep their order.
double logit_of(double probability) {
  constexpr double kEdge = 1e-12;
  const double p = std::clamp(probability, kEdge, 1 - kEdge);
  return std::log(p / (1 - p));
}

// Offending rows of one kind: how many, and the first.
struct Offence {
  std::size_t count = 0;
  const PredictionRow* first = nullptr;
  void add(const PredictionRow& row) {
    if (count++ == 0) first = &row;
  }
};

[[noreturn]] void refuse(const fs::path& path, const Offence& offence, const std::string& what,
                         const std::string& advice) {
  throw DataError(fmt::format("{}: {} {} {}, the first is {} (line {}): {}", path.string(), offence.count,
                              offence.count == 1 ? "participant" : "participants", what, offence.first->participant_id,
                              offence.first->line, advice));
}

// y = slope x + intercept.
struct Line {
  double slope = 1, intercept = 0;
  double of(double x) const { return slope * x + intercept; }
};

// The table's y_true and the run's label of everybody who has both.
struct Labels {
  std::vector<const PredictionRow*> rows;
  std::vector<double> theirs, ours;
};

double spread(const std::vector<double>& values) {
  const auto [low, high] = std::ranges::minmax(values);
  return high - low;
}

// How the table's labels become the run's: as they are, or by an increasing line through the two most distant ones.
// None where some participant's label is another.
std::optional<Line> line_between(const Labels& labels, task::Task task, const PredictionRow*& first) {
  constexpr double kPrinted = 1e-4;  // of the range: tables of others have four digits
  const double tolerance = task == task::Task::kClassification ? 0 : kPrinted * spread(labels.ours);
  const auto fits = [&](const Line& line) {
    first = nullptr;
    for (std::size_t i = 0; i < labels.rows.size() && first == nullptr; ++i)
      if (!(std::abs(line.of(labels.theirs[i]) - labels.ours[i]) <= tolerance + 1e-9 * std::abs(labels.ours[i])))
        first = labels.rows[i];
    return first == nullptr;
  };
  constexpr std::size_t kMinPeople = 3;
  if (labels.rows.size() >= kMinPeople && task == task::Task::kRegression) {
    const auto [low, high] = std::ranges::minmax_element(labels.theirs);
    const auto at = [&](auto which) { return labels.ours[static_cast<std::size_t>(which - labels.theirs.begin())]; };
    const double slope = (at(high) - at(low)) / (*high - *low);
    const Line line{slope, at(low) - slope * *low};
    if (slope > 0 && std::isfinite(slope) && !fits({}) && fits(line)) return line;
  }
  if (fits({})) return Line{};
  return std::nullopt;
}

}  // namespace

std::vector<TargetKind> targets_in(const PredictionTable& table) {
  std::vector<TargetKind> targets;
  for (const PredictionRow& row : table.rows) {
    const std::string name = row.target.empty() ? "y" : row.target;
    if (std::ranges::find(targets, name, &TargetKind::name) != targets.end()) continue;
    bool classes = true, scored = false;
    for (const PredictionRow& other : table.rows) {
      if (other.target != row.target) continue;
      scored = scored || std::isfinite(other.logit) || std::isfinite(other.prob);
      classes = classes && (std::isnan(other.truth) || is_class(other.truth));
    }
    const bool is_classification = scored || (classes && table.has_truth);
    targets.push_back({name, is_classification ? task::Task::kClassification : task::Task::kRegression});
  }
  return targets;
}

void check_targets(const PredictionTable& table, const std::vector<TargetKind>& targets) {
  std::vector<std::string> names;
  for (const TargetKind& target : targets) names.push_back(target.name);
  for (const PredictionRow& row : table.rows) {
    if (row.target.empty() && names.size() > 1)
      throw DataError(fmt::format("{}:{}: no target: expected one of {} in a column 'target'", table.path.string(),
                                  row.line, fmt::join(names, ", ")));
    if (row.target.empty() || std::ranges::find(names, row.target) != names.end()) continue;
    const std::string nearest = nearest_name(row.target, names);
    throw DataError(fmt::format("{}:{}: target {}: expected one of {}{}", table.path.string(), row.line,
                                io::printable(row.target), fmt::join(names, ", "),
                                nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
  }
}

ImportedRows rows_of(const PredictionTable& table, const TargetKind& target, bool is_only, const std::string& part) {
  ImportedRows result;
  for (const PredictionRow& row : table.rows) {
    if (row.target != target.name && !(is_only && row.target.empty())) continue;
    const bool is_other =
        part == "all" ? row.part == "train" || row.part == "val" : !row.part.empty() && row.part != part;
    if (is_other)
      ++result.other_part;
    else
      result.rows.push_back(&row);
  }
  return result;
}

void check_participants(const ImportedRows& rows, const fs::path& path, const task::Split* split,
                        const fs::path& split_path, const std::string& part) {
  std::map<std::string, std::size_t> lines;
  Offence unknown, learned, other;
  for (const PredictionRow* row : rows.rows) {
    const auto [known, is_new] = lines.try_emplace(row->participant_id, row->line);
    if (!is_new)
      throw DataError(
          fmt::format("{}: participant {} is there twice, in lines {} and {}: expected one prediction a "
                      "participant{}",
                      path.string(), row->participant_id, known->second, row->line,
                      row->seed || row->fold ? ", seed and fold" : ""));
    if (split == nullptr) continue;
    std::optional<task::Part> found;
    for (const task::Part one : task::kParts)
      if (std::ranges::binary_search(split->of(one), row->participant_id)) found = one;
    if (!found) {
      if (part != "all") unknown.add(*row);
    } else if (part == "all" ? *found != task::Part::kTest : task::name_of(*found) != part) {
      (*found == task::Part::kTest ? other : learned).add(*row);
    }
  }
  const std::string where = split_path.string();
  if (unknown.count > 0)
    refuse(path, unknown, "that " + where + " does not know",
           "expected participants of its part " + part + ", with the ids of the cohort");
  if (learned.count > 0)
    refuse(path, learned, "of the training or validation part of " + where,
           "a model is not compared on people it may have learned from; expected the part " + part + " alone");
  if (other.count > 0) refuse(path, other, "of the test part of " + where, "expected the part " + part + " alone");
}

std::vector<double> scores_of(const ImportedRows& rows, const TargetKind& target, const PredictionTable& table) {
  std::vector<double> scores;
  const auto take = [&](double PredictionRow::*field) {
    for (const PredictionRow* row : rows.rows) scores.push_back(row->*field);
  };
  const auto some = [&](double PredictionRow::*field) {
    return std::ranges::any_of(rows.rows, [&](const PredictionRow* row) { return std::isfinite(row->*field); });
  };
  if (target.task == task::Task::kRegression) {
    if (!some(&PredictionRow::predicted) && !rows.rows.empty())
      throw DataError(fmt::format("{}: no y_pred of '{}', a regression: expected its values in a column 'y_pred'",
                                  table.path.string(), target.name));
    take(&PredictionRow::predicted);
    return scores;
  }
  if (some(&PredictionRow::logit)) {
    take(&PredictionRow::logit);
    return scores;
  }
  take(some(&PredictionRow::prob) ? &PredictionRow::prob : &PredictionRow::predicted);
  const bool all_classes = std::ranges::all_of(scores, [](double s) { return std::isnan(s) || is_class(s); });
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) continue;
    if (scores[i] < 0 || scores[i] > 1)
      throw DataError(
          fmt::format("{}:{}: y_pred={} of '{}', a classification: expected probabilities of class 1, or "
                      "scores in a column 'logit'",
                      table.path.string(), rows.rows[i]->line, scores[i], target.name));
    scores[i] = all_classes ? 2 * scores[i] - 1 : logit_of(scores[i]);
  }
  return scores;
}

Repeat imported(const ImportedRows& rows, const TargetKind& target, const PredictionTable& table,
                const std::map<std::string, double>& labels, std::vector<std::string>& notes) {
  const std::vector<double> scores = scores_of(rows, target, table);
  Labels both;
  for (const PredictionRow* row : rows.rows) {
    const auto label = labels.find(row->participant_id);
    if (std::isnan(row->truth) || label == labels.end()) continue;
    both.rows.push_back(row);
    both.theirs.push_back(row->truth);
    both.ours.push_back(label->second);
  }
  Line line;
  if (!both.rows.empty()) {
    const PredictionRow* first = nullptr;
    const auto found = line_between(both, target.task, first);
    if (!found)
      throw DataError(
          fmt::format("{}:{}: y_true={} of participant {}, the run's label of '{}' is {}: expected the same "
                      "labels (of a regression also in other units, all by one line)",
                      table.path.string(), first->line, first->truth, first->participant_id, target.name,
                      labels.at(first->participant_id)));
    line = *found;
    if (line.slope != 1 || line.intercept != 0)
      notes.push_back(
          fmt::format("y_true of {} is in other units than the runs': predictions are converted as {:.6g} "
                      "y_pred + {:.6g}",
                      target.name, line.slope, line.intercept));
  } else if (labels.empty() && !table.has_truth) {
    throw DataError(
        fmt::format("{}: no column 'y_true', and no run directory that knows the labels", table.path.string()));
  }
  Repeat repeat;
  for (std::size_t i = 0; i < rows.rows.size(); ++i) {
    const std::string& id = rows.rows[i]->participant_id;
    const auto label = labels.find(id);
    const double truth = label != labels.end() ? label->second : labels.empty() ? rows.rows[i]->truth : kNoNumber;
    if (std::isfinite(truth) && std::isfinite(scores[i])) repeat[id] = {truth, line.of(scores[i])};
  }
  return repeat;
}

Repeat predictions_of(const PredictionSource& run, const TargetKind& target, const std::string& part) {
  const ImportedRows rows = rows_of(run.table, target, run.targets.size() == 1, part);
  check_participants(rows, run.table.path, run.split ? &*run.split : nullptr, run.path / "split.json", part);
  const std::vector<double> scores = scores_of(rows, target, run.table);
  Repeat predictions;
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (std::isfinite(rows.rows[i]->truth) && std::isfinite(scores[i]))
      predictions[rows.rows[i]->participant_id] = {rows.rows[i]->truth, scores[i]};
  return predictions;
}

}  // namespace brainmt::analysis

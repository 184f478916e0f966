#include "analysis/baseline.hpp"

#include <cmath>
#include <limits>
#include <set>
#include <variant>

#include "base/error.hpp"
#include "task/session_values.hpp"

namespace brainmt::analysis {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr double kRidge = 1e-3;  // of the classes' models, for each row

}  // namespace

ConfoundTable::ConfoundTable(const io::Cohort& cohort, const std::vector<std::string>& columns) {
  for (const std::string& name : columns) {
    const io::PhenotypeColumn* column = cohort.phenotype(name);
    if (column == nullptr && name == "mean_fd") {
      std::vector<double> motion;
      for (const io::CohortScan& scan : cohort.scans()) motion.push_back(scan.mean_fd);
      add_numbers(cohort, motion);
      continue;
    }
    if (column == nullptr)
      throw DataError(fmt::format("{}: no phenotype column '{}' for baselines.confounds of the sweep file",
                                  cohort.path().string(), name));
    if (const auto* numbers = std::get_if<std::vector<double>>(&column->values)) {
      add_numbers(cohort, *numbers);
      continue;
    }
    const auto& texts = std::get<std::vector<std::string>>(column->values);
    std::set<std::string> levels(texts.begin(), texts.end());
    levels.erase("");
    if (!levels.empty()) levels.erase(levels.begin());
    for (const std::string& level : levels) {
      std::vector<double> is_level;
      for (const std::string& text : texts) is_level.push_back(text.empty() ? kMissing : text == level);
      add_numbers(cohort, is_level);
    }
  }
}

void ConfoundTable::add_numbers(const io::Cohort& cohort, const std::vector<double>& by_scan) {
  std::map<std::string, std::vector<std::size_t>> scans;
  for (std::size_t scan = 0; scan < by_scan.size(); ++scan) scans[cohort.scans()[scan].participant_id].push_back(scan);
  for (const auto& [id, of_person] : scans) rows_[id].push_back(task::mean_of_scans(by_scan, of_person));
  ++terms_;
}

std::vector<double> ConfoundTable::row(const std::string& participant) const {
  const auto found = rows_.find(participant);
  return found == rows_.end() ? std::vector<double>(terms_, kMissing) : found->second;
}

LinearModel::LinearModel(const std::vector<std::vector<double>>& x, const std::vector<double>& y, task::Task task) {
  BRAINMT_CHECK(!x.empty() && x.size() == y.size(), "{} rows, {} targets", x.size(), y.size());
  const std::size_t terms = x.front().size();
  for (std::size_t j = 0; j < terms; ++j) {
    double sum = 0, squares = 0, count = 0;
    for (const auto& row : x)
      if (std::isfinite(row[j])) sum += row[j], ++count;
    mean_.push_back(count > 0 ? sum / count : 0.0);
    for (const auto& row : x)
      if (std::isfinite(row[j])) squares += (row[j] - mean_[j]) * (row[j] - mean_[j]);
    const double std = count > 0 ? std::sqrt(squares / count) : 0.0;
    scale_.push_back(std > 0 ? 1 / std : 0.0);
  }
  std::vector<std::vector<double>> rows;
  for (const auto& row : x) rows.push_back(standardised(row));
  fit_ = task == task::Task::kClassification ? task::fit_logistic(rows, y, kRidge * static_cast<double>(rows.size()))
                                             : task::fit_linear(rows, y);
}

std::vector<double> LinearModel::standardised(const std::vector<double>& x) const {
  std::vector<double> z;
  for (std::size_t j = 0; j < x.size(); ++j) z.push_back(std::isfinite(x[j]) ? (x[j] - mean_[j]) * scale_[j] : 0.0);
  return z;
}

double LinearModel::predict(const std::vector<double>& x) const { return fit_.of(standardised(x)); }

std::map<std::string, double> labels_of(const task::TaskSettings& task, const task::SplitSettings& split,
                                        std::int64_t frames, const io::Cohort& cohort, const std::string& target) {
  const task::TrainingData data = task::prepare_training_data(cohort, task, split, frames);
  std::map<std::string, double> labels;
  for (std::size_t k = 0; k < data.outputs(); ++k) {
    if (data.task.targets[k].target.name != target) continue;
    for (const task::Subject& subject : data.data.subjects())
      if (subject.has_label(k)) labels[subject.id] = subject.labels[k];
  }
  return labels;
}

}  // namespace brainmt::analysis

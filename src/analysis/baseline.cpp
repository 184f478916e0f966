#include "analysis/baseline.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <variant>

#include "base/error.hpp"

namespace brainmt::analysis {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr double kRidge = 1e-3;

// Solves a x = b for a symmetric positive definite matrix by Cholesky's method, in place.
std::vector<double> solve(std::vector<std::vector<double>> a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k < j; ++k) a[j][j] -= a[j][k] * a[j][k];
    a[j][j] = std::sqrt(a[j][j]);
    for (std::size_t i = j + 1; i < n; ++i) {
      for (std::size_t k = 0; k < j; ++k) a[i][j] -= a[i][k] * a[j][k];
      a[i][j] /= a[j][j];
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i][k] * b[k];
    b[i] /= a[i][i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k][i] * b[k];
    b[i] /= a[i][i];
  }
  return b;
}

double dot(const std::vector<double>& w, const std::vector<double>& x) {
  double sum = w[0];
  for (std::size_t j = 0; j < x.size(); ++j) sum += w[j + 1] * x[j];
  return sum;
}

// One Newton step on rows x (standardised, without the 1) towards y: least squares in one, logistic in several.
std::vector<double> newton_step(const std::vector<std::vector<double>>& rows, const std::vector<double>& y,
                                const std::vector<double>& w, bool logistic) {
  const std::size_t n = w.size();
  const double ridge = kRidge * static_cast<double>(rows.size());
  std::vector<std::vector<double>> hessian(n, std::vector<double>(n, 0.0));
  std::vector<double> gradient(n, 0.0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double z = dot(w, rows[i]);
    const double value = logistic ? 1 / (1 + std::exp(-z)) : z;
    const double curvature = logistic ? value * (1 - value) : 1.0;
    const auto at = [&](std::size_t j) { return j == 0 ? 1.0 : rows[i][j - 1]; };
    for (std::size_t j = 0; j < n; ++j) {
      gradient[j] += (y[i] - value) * at(j);
      for (std::size_t k = 0; k <= j; ++k) hessian[j][k] += curvature * at(j) * at(k);
    }
  }
  for (std::size_t j = 0; j < n; ++j) {
    // The tiny one keeps copies of a column apart; it moves no digit that is printed.
    const double tiny = 1e-9 * static_cast<double>(rows.size());
    const bool penalised = logistic && j > 0;
    hessian[j][j] += penalised ? ridge : tiny;
    if (penalised) gradient[j] -= ridge * w[j];
  }
  return solve(std::move(hessian), std::move(gradient));
}

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
  for (std::size_t scan = 0; scan < by_scan.size(); ++scan) {
    std::vector<double>& row = rows_[cohort.scans()[scan].participant_id];
    row.resize(terms_ + 1, kMissing);
    if (std::isnan(row[terms_])) row[terms_] = by_scan[scan];
  }
  ++terms_;
}

std::vector<double> ConfoundTable::row(const std::string& participant) const {
  const auto found = rows_.find(participant);
  return found == rows_.end() ? std::vector<double>(terms_, kMissing) : found->second;
}

LinearModel::LinearModel(const std::vector<std::vector<double>>& x, const std::vector<double>& y, train::Task task) {
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
  weights_.assign(terms + 1, 0.0);
  constexpr int kMostSteps = 100;
  constexpr double kSmall = 1e-10;
  const bool logistic = task == train::Task::kClassification;
  for (int step = 0; step < (logistic ? kMostSteps : 1); ++step) {
    const auto change = newton_step(rows, y, weights_, logistic);
    double largest = 0;
    for (std::size_t j = 0; j < change.size(); ++j) {
      weights_[j] += change[j];
      largest = std::max(largest, std::abs(change[j]));
    }
    if (largest < kSmall) break;
  }
}

std::vector<double> LinearModel::standardised(const std::vector<double>& x) const {
  std::vector<double> z;
  for (std::size_t j = 0; j < x.size(); ++j) z.push_back(std::isfinite(x[j]) ? (x[j] - mean_[j]) * scale_[j] : 0.0);
  return z;
}

double LinearModel::predict(const std::vector<double>& x) const { return dot(weights_, standardised(x)); }

std::map<std::string, double> labels_of(const train::TrainSettings& settings, const io::Cohort& cohort,
                                        const std::string& target) {
  const train::TrainingData data =
      train::prepare_training_data(cohort, settings.task, settings.split, settings.model.frames);
  std::map<std::string, double> labels;
  for (std::size_t k = 0; k < data.outputs(); ++k) {
    if (data.task.targets[k].target.name != target) continue;
    for (const train::Subject& subject : data.data.subjects())
      if (subject.has_label(k)) labels[subject.id] = subject.labels[k];
  }
  return labels;
}

}  // namespace brainmt::analysis

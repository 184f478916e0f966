#pragma once
// Metrics of predictions, one per subject, in double throughout, with bootstrap confidence intervals over subjects.
// A metric that is not defined for the data (one class only, constant predictions, too few subjects, a prediction that
// is not a number) is NaN, and null in JSON; nothing here throws for such data.
#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

namespace brainmt::task {

struct RegressionMetrics {
  double mse = 0, mae = 0;
  double r2 = 0;         // 1 - residual / total sum of squares; NaN for a constant target
  double pearson_r = 0;  // NaN when either side is constant
  double pearson_p = 0;  // two-sided, of the t statistic with n - 2 degrees of freedom; NaN below three subjects
};

struct ClassificationMetrics {
  double accuracy = 0;
  double balanced_accuracy = 0;  // mean of the recalls of both classes
  double auroc = 0;              // ties count one half (midranks)
  double precision = 0, recall = 0, f1 = 0;
  std::array<std::array<std::int64_t, 2>, 2> confusion_matrix{};  // [true class][predicted class]
};

/// `truth` and `prediction` [n], in the same units.
RegressionMetrics regression_metrics(std::span<const double> truth, std::span<const double> prediction);

/// `truth` [n] of 0 and 1; `score` [n] is higher for class 1, predicted where it is >= threshold: 0.5 for
/// probabilities, 0 for logits.
ClassificationMetrics classification_metrics(std::span<const double> truth, std::span<const double> score,
                                             double threshold = 0.5);

/// Two-sided p-value of a Pearson correlation of n pairs under independence: I_{1 - r^2}((n - 2) / 2, 1 / 2).
double pearson_p_value(double r, std::size_t n);

/// Regularised incomplete beta function I_x(a, b), a, b > 0, 0 <= x <= 1. Takes y = 1 - x too, which callers know with
/// more digits than the difference has.
double incomplete_beta(double a, double b, double x, double y);

struct BootstrapSettings {
  std::uint64_t seed = 0;
  int resamples = 1000;
};

/// The object of metrics.json: {n_subjects, <metric>: value, ..., ci95: {<metric>: [low, high], ...}}. The intervals
/// are percentiles over resamples of the subjects with replacement; resamples where a metric is not defined are left
/// out of its interval. pearson_p and confusion_matrix have none.
nlohmann::ordered_json regression_report(std::span<const double> truth, std::span<const double> prediction,
                                         const BootstrapSettings& bootstrap);
nlohmann::ordered_json classification_report(std::span<const double> truth, std::span<const double> score,
                                             double threshold, const BootstrapSettings& bootstrap);

}  // namespace brainmt::task

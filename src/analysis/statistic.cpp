#include "analysis/statistic.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "task/metrics.hpp"

namespace brainmt::analysis {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

double ratio(double numerator, double denominator) { return denominator > 0 ? numerator / denominator : kUndefined; }

bool all_finite(std::span<const double> values) {
  return std::ranges::all_of(values, [](double v) { return std::isfinite(v); });
}

std::vector<double> z_scores(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  std::vector<double> z;
  for (const double v : values) z.push_back((v - mean) / std::sqrt(squares / n));
  return z;
}

}  // namespace

const std::vector<std::string>& metric_names(task::Task task) {
  static const std::vector<std::string> of_classes{"auroc", "accuracy", "balanced_accuracy", "f1"};
  static const std::vector<std::string> of_values{"pearson_r", "r2", "mae", "mse"};
  return task == task::Task::kClassification ? of_classes : of_values;
}

bool larger_is_better(const std::string& metric) { return metric != "mae" && metric != "mse"; }

std::vector<double> midranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0, end = 0; first < order.size(); first = end) {
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    const double rank = 0.5 * static_cast<double>(first + 1 + end);
    for (std::size_t i = first; i < end; ++i) ranks[order[i]] = rank;
  }
  return ranks;
}

Statistic::Statistic(const std::string& metric, task::Task task) {
  const auto& names = metric_names(task);
  const auto found = std::ranges::find(names, metric);
  if (found == names.end())
    throw UsageError(fmt::format("metric={}: expected one of {}", metric, fmt::join(names, ", ")));
  const auto first = task == task::Task::kClassification ? Kind::kAuroc : Kind::kPearson;
  kind_ = static_cast<Kind>(static_cast<int>(first) + static_cast<int>(found - names.begin()));
}

std::vector<double> Statistic::prepared(std::span<const double> scores) const {
  if (kind_ != Kind::kAuroc || !all_finite(scores)) return {scores.begin(), scores.end()};
  std::vector<double> codes = midranks(scores);
  for (double& code : codes) code *= 2;
  return codes;
}

std::vector<double> Statistic::exchangeable(std::span<const double> scores) const {
  return kind_ == Kind::kPearson ? z_scores(scores) : prepared(scores);
}

double Statistic::value(std::span<const double> truth, std::span<const double> scores) const {
  BRAINMT_CHECK(truth.size() == scores.size(), "{} targets, {} scores", truth.size(), scores.size());
  if (truth.empty()) return kUndefined;
  if (kind_ < Kind::kPearson) {
    if (!all_finite(scores)) return kUndefined;
    return kind_ == Kind::kAuroc ? auroc(truth, scores) : of_classes(truth, scores);
  }
  const task::RegressionMetrics m = task::regression_metrics(truth, scores);
  if (kind_ == Kind::kPearson) return m.pearson_r;
  if (kind_ == Kind::kR2) return m.r2;
  return kind_ == Kind::kMae ? m.mae : m.mse;
}

// Of integer scores: counts of both classes for each, then the positives above each negative, ties one half.
double Statistic::auroc(std::span<const double> truth, std::span<const double> codes) const {
  thread_local std::vector<std::array<double, 2>> counts;
  counts.assign(static_cast<std::size_t>(*std::ranges::max_element(codes)) + 1, {0.0, 0.0});
  for (std::size_t i = 0; i < codes.size(); ++i) ++counts[static_cast<std::size_t>(codes[i])][truth[i] == 1.0];
  double negatives = 0, positives = 0, in_order = 0;
  for (const auto& [negative, positive] : counts) {
    in_order += positive * (negatives + 0.5 * negative);
    negatives += negative;
    positives += positive;
  }
  return ratio(in_order, positives * negatives);
}

double Statistic::of_classes(std::span<const double> truth, std::span<const double> logits) const {
  std::array<std::array<double, 2>, 2> counts{};  // [true class][predicted class]
  for (std::size_t i = 0; i < truth.size(); ++i) ++counts[truth[i] == 1.0][logits[i] >= 0];
  const auto& [negative, positive] = counts;
  if (kind_ == Kind::kAccuracy) return (negative[0] + positive[1]) / static_cast<double>(truth.size());
  if (kind_ == Kind::kBalancedAccuracy)
    return 0.5 * (ratio(positive[1], positive[0] + positive[1]) + ratio(negative[0], negative[0] + negative[1]));
  return ratio(2 * positive[1], 2 * positive[1] + negative[1] + positive[0]);
}

}  // namespace brainmt::analysis

// Metrics with their bootstrap intervals, as the object that becomes metrics.json.
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/philox.hpp"
#include "task/metrics.hpp"

namespace brainmt::task {
namespace {

constexpr std::uint32_t kBootstrapStream = 0xb007;

// Metrics by name, in the order of the file.
using Named = std::vector<std::pair<std::string, double>>;

Named named(const RegressionMetrics& m) {
  return {{"mse", m.mse}, {"mae", m.mae}, {"r2", m.r2}, {"pearson_r", m.pearson_r}};
}

Named named(const ClassificationMetrics& m) {
  return {{"accuracy", m.accuracy}, {"balanced_accuracy", m.balanced_accuracy},
          {"auroc", m.auroc},       {"precision", m.precision},
          {"recall", m.recall},     {"f1", m.f1}};
}

nlohmann::ordered_json number_or_null(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

// The quantile q of values sorted ascending, linear between neighbours.
double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(position);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (position - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

// `compute` maps (truth, prediction) to named metrics.
template <class Compute>
nlohmann::ordered_json report(std::span<const double> truth, std::span<const double> prediction,
                              const BootstrapSettings& settings, Compute compute) {
  const std::size_t n = truth.size();
  const Named values = compute(truth, prediction);
  std::vector<std::vector<double>> resampled(values.size());
  std::vector<double> some_truth(n), some_prediction(n);
  for (int resample = 0; n > 0 && resample < settings.resamples; ++resample) {
    Philox random(settings.seed, kBootstrapStream, static_cast<std::uint64_t>(resample));
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t drawn = random.below(n);
      some_truth[i] = truth[drawn];
      some_prediction[i] = prediction[drawn];
    }
    const Named again = compute(std::span<const double>(some_truth), std::span<const double>(some_prediction));
    for (std::size_t m = 0; m < again.size(); ++m) {
      if (std::isfinite(again[m].second)) resampled[m].push_back(again[m].second);
    }
  }
  nlohmann::ordered_json json{{"n_subjects", n}}, intervals = nlohmann::ordered_json::object();
  for (std::size_t m = 0; m < values.size(); ++m) {
    std::ranges::sort(resampled[m]);
    json[values[m].first] = number_or_null(values[m].second);
    intervals[values[m].first] = nlohmann::ordered_json::array(
        {number_or_null(quantile(resampled[m], 0.025)), number_or_null(quantile(resampled[m], 0.975))});
  }
  json["ci95"] = std::move(intervals);
  return json;
}

}  // namespace

nlohmann::ordered_json regression_report(std::span<const double> truth, std::span<const double> prediction,
                                         const BootstrapSettings& bootstrap) {
  auto json = report(truth, prediction, bootstrap, [](std::span<const double> y, std::span<const double> p) {
    return named(regression_metrics(y, p));
  });
  json["pearson_p"] = number_or_null(regression_metrics(truth, prediction).pearson_p);
  return json;
}

nlohmann::ordered_json classification_report(std::span<const double> truth, std::span<const double> score,
                                             double threshold, const BootstrapSettings& bootstrap) {
  auto json = report(truth, score, bootstrap, [threshold](std::span<const double> y, std::span<const double> s) {
    return named(classification_metrics(y, s, threshold));
  });
  json["confusion_matrix"] = classification_metrics(truth, score, threshold).confusion_matrix;
  return json;
}

}  // namespace brainmt::task

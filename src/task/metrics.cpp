#include "task/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.hpp"

namespace brainmt::task {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

double ratio(double numerator, double denominator) { return denominator > 0 ? numerator / denominator : kUndefined; }

bool is_constant(std::span<const double> x) {
  return std::ranges::all_of(x, [&](double value) { return value == x.front(); });
}

bool all_finite(std::span<const double> x) {
  return std::ranges::all_of(x, [](double value) { return std::isfinite(value); });
}

double mean(std::span<const double> x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

double pearson(std::span<const double> x, std::span<const double> y) {
  if (is_constant(x) || is_constant(y)) return kUndefined;
  const double mx = mean(x), my = mean(y);
  double xy = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) * (x[i] - mx);
    yy += (y[i] - my) * (y[i] - my);
  }
  return std::clamp(xy / (std::sqrt(xx) * std::sqrt(yy)), -1.0, 1.0);
}

// Mann-Whitney: the sum of the positives' ranks, where equal scores share the mean of their ranks.
double area_under_roc(std::span<const double> truth, std::span<const double> score) {
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return score[i]; });
  double rank_sum = 0, positives = 0;
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first;
    double tied_positives = 0;
    for (; end < order.size() && score[order[end]] == score[order[first]]; ++end) tied_positives += truth[order[end]];
    const double midrank = 0.5 * static_cast<double>(first + 1 + end);  // ranks first + 1 .. end
    rank_sum += tied_positives * midrank;
    positives += tied_positives;
    first = end;
  }
  const double negatives = static_cast<double>(score.size()) - positives;
  return ratio(rank_sum - 0.5 * positives * (positives + 1), positives * negatives);
}

// The continued fraction of I_x(a, b) (DLMF 8.17.22), evaluated from the front by Lentz's method; converges quickly for
// x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;  // replaces a zero denominator
  constexpr int kMaxTerms = 10000;
  const auto away_from_zero = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1.0, d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)), fraction = d;
  for (int m = 1; m <= kMaxTerms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double change = 1.0;
    for (const double term : {even, odd}) {
      d = 1.0 / away_from_zero(1.0 + term * d);
      c = away_from_zero(1.0 + term / c);
      change = c * d;
      fraction *= change;
    }
    if (std::abs(change - 1.0) < std::numeric_limits<double>::epsilon()) break;
  }
  return fraction;
}

}  // namespace

RegressionMetrics regression_metrics(std::span<const double> truth, std::span<const double> prediction) {
  BRAINMT_CHECK(truth.size() == prediction.size(), "{} targets, {} predictions", truth.size(), prediction.size());
  if (truth.empty() || !all_finite(truth) || !all_finite(prediction)) {
    return {kUndefined, kUndefined, kUndefined, kUndefined, kUndefined};
  }
  const double n = static_cast<double>(truth.size()), center = mean(truth);
  double squares = 0, absolutes = 0, total = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double error = prediction[i] - truth[i];
    squares += error * error;
    absolutes += std::abs(error);
    total += (truth[i] - center) * (truth[i] - center);
  }
  const double r = pearson(truth, prediction);
  return {squares / n, absolutes / n, is_constant(truth) ? kUndefined : 1.0 - squares / total, r,
          pearson_p_value(r, truth.size())};
}

ClassificationMetrics classification_metrics(std::span<const double> truth, std::span<const double> score,
                                             double threshold) {
  BRAINMT_CHECK(truth.size() == score.size(), "{} targets, {} scores", truth.size(), score.size());
  if (!all_finite(score)) return {kUndefined, kUndefined, kUndefined, kUndefined, kUndefined, kUndefined, {}};
  ClassificationMetrics metrics;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    BRAINMT_CHECK(truth[i] == 0.0 || truth[i] == 1.0, "class {}", truth[i]);
    ++metrics.confusion_matrix[truth[i] == 1.0][score[i] >= threshold];
  }
  const auto& [negative, positive] = metrics.confusion_matrix;
  const double tn = static_cast<double>(negative[0]), fp = static_cast<double>(negative[1]);
  const double fn = static_cast<double>(positive[0]), tp = static_cast<double>(positive[1]);
  metrics.accuracy = ratio(tp + tn, tp + tn + fp + fn);
  metrics.balanced_accuracy = 0.5 * (ratio(tp, tp + fn) + ratio(tn, tn + fp));
  metrics.auroc = area_under_roc(truth, score);
  metrics.precision = ratio(tp, tp + fp);
  metrics.recall = ratio(tp, tp + fn);
  metrics.f1 = ratio(2 * tp, 2 * tp + fp + fn);
  return metrics;
}

double pearson_p_value(double r, std::size_t n) {
  if (n < 3 || !std::isfinite(r)) return kUndefined;
  return incomplete_beta(0.5 * static_cast<double>(n - 2), 0.5, (1.0 - r) * (1.0 + r), r * r);
}

double incomplete_beta(double a, double b, double x, double y) {
  if (x <= 0.0) return 0.0;
  if (y <= 0.0) return 1.0;
  const double log_front = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log(y);
  if (x < (a + 1.0) / (a + b + 2.0)) return std::exp(log_front) * beta_fraction(a, b, x) / a;
  return 1.0 - std::exp(log_front) * beta_fraction(b, a, y) / b;
}

}  // namespace brainmt::task

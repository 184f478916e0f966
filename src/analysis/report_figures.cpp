#include "analysis/report_figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/evaluate.hpp"
#include "analysis/plots.hpp"
#include "analysis/svg_plot.hpp"

namespace brainmt::analysis {
namespace {

using Point = SvgPlot::Point;

const PlotShape kWide{.width = 380, .height = 230};
const PlotShape kSquare{.width = 300, .height = 300};
constexpr std::size_t kMaxPoints = 120;

std::vector<CurvePoint> finite_points(const std::vector<CurvePoint>& points) {
  std::vector<CurvePoint> finite;
  for (const CurvePoint& p : points)
    if (std::isfinite(p[0]) && std::isfinite(p[1])) finite.push_back(p);
  return finite;
}

// Thins a curve to at most kMaxPoints by means of neighbouring points.
std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& points) {
  const std::size_t each = (points.size() + kMaxPoints - 1) / kMaxPoints;
  if (each <= 1) return points;
  std::vector<CurvePoint> means;
  for (std::size_t first = 0; first < points.size(); first += each) {
    const std::size_t count = std::min(each, points.size() - first);
    CurvePoint mean{};
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t axis = 0; axis < 2; ++axis) mean[axis] += points[first + i][axis] / static_cast<double>(count);
    means.push_back(mean);
  }
  return means;
}

std::string number(const nlohmann::ordered_json& metrics, const char* name) {
  const auto found = metrics.find(name);
  return found != metrics.end() && found->is_number() ? fmt::format("{:.3g}", found->get<double>()) : "not defined";
}

// "AUROC 0.93, 95 % CI [0.85, 0.98]"
std::string with_interval(const nlohmann::ordered_json& metrics, const char* label, const char* name) {
  const std::string interval = interval_text(metrics, name, 3);
  return fmt::format("{} {}{}{}", label, number(metrics, name), interval.empty() ? "" : ", 95 % CI ", interval);
}

// Wilson's interval of a share.
std::array<double, 2> wilson(double share, double n) {
  constexpr double kZ = 1.959963984540054;
  const double z2 = kZ * kZ / n, middle = (share + z2 / 2) / (1 + z2);
  const double half = kZ / (1 + z2) * std::sqrt(share * (1 - share) / n + z2 / (4 * n));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

}  // namespace

Figure curve_figure(const std::string& title, const std::string& y_label, const std::vector<NamedCurve>& curves,
                    const std::string& note) {
  Figure figure{.title = title, .svg = {}, .note = note};
  std::vector<double> x, y;
  std::vector<std::vector<CurvePoint>> drawn;
  for (const NamedCurve& curve : curves) {
    drawn.push_back(thinned(finite_points(curve.points)));
    for (const CurvePoint& p : drawn.back()) {
      x.push_back(p[0]);
      y.push_back(p[1]);
    }
  }
  if (x.empty()) return figure;
  SvgPlot plot({.title = {}, .note = {}, .x_label = "step", .y_label = y_label}, range_of(x), range_of(y), kWide);
  for (std::size_t c = 0; c < curves.size(); ++c) {
    plot.line(drawn[c], SvgPlot::Stroke::kCurve, curves[c].colour);
    if (drawn[c].size() == 1) plot.dot(drawn[c].front(), curves[c].colour);
    if (curves.size() > 1) figure.legend.push_back({curves[c].name, curves[c].colour});
  }
  figure.svg = plot.document();
  return figure;
}

Figure roc_figure(std::span<const NamedResult> results) {
  SvgPlot plot({.title = {}, .note = {}, .x_label = "false positive rate", .y_label = "true positive rate"}, {0, 1},
               {0, 1}, kSquare);
  constexpr std::array<Point, 2> kChance{{{0, 0}, {1, 1}}};
  plot.line(kChance, SvgPlot::Stroke::kReference);
  Figure figure{.title = "ROC curve", .svg = {}, .note = "Dashed: chance"};
  std::vector<std::vector<Point>> drawn;
  bool any_twice = false;
  for (std::size_t r = 0; r < results.size(); ++r) {
    std::vector<double> truth, score;
    for (const ScoredPrediction& p : results[r].result->predictions) {
      truth.push_back(p.truth);
      score.push_back(p.logit);
    }
    if (auto curve = roc_curve(truth, score); !curve.empty()) {
      const bool twice = std::ranges::find(drawn, curve) != drawn.end();
      plot.line(curve, twice ? SvgPlot::Stroke::kDashed : SvgPlot::Stroke::kCurve, r);
      any_twice = any_twice || twice;
      drawn.push_back(std::move(curve));
    }
    if (results.size() > 1) figure.legend.push_back({results[r].name, r});
  }
  if (results.size() == 1)
    figure.note = with_interval(results[0].result->metrics, "AUROC", "auroc") + "; dashed: chance";
  if (any_twice) figure.note += ". A curve dashed in two colours is that of both models";
  figure.svg = plot.document();
  return figure;
}

Figure confusion_figure(const TargetResult& result) {
  std::array<std::array<std::size_t, 2>, 2> counts{};
  for (const ScoredPrediction& p : result.predictions) ++counts[p.truth == 1.0][p.predicted == 1.0];
  constexpr double kCell = 130, kLeft = 84, kTop = 40;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"400\" height=\"372\" viewBox=\"0 0 400 372\" "
      "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"13\" fill=\"#333333\" text-anchor=\"middle\">\n"
      "<text x=\"{0:g}\" y=\"340\">predicted class</text>\n"
      "<text x=\"26\" y=\"{1:g}\" transform=\"rotate(-90 26 {1:g})\">true class</text>\n",
      kLeft + kCell, kTop + kCell);
  for (std::size_t t = 0; t < 2; ++t) {
    const double of_class = static_cast<double>(counts[t][0] + counts[t][1]);
    const double y = kTop + kCell * static_cast<double>(t);
    svg += fmt::format("<text x=\"{0:g}\" y=\"{1:g}\" transform=\"rotate(-90 {0:g} {1:g})\">{2}</text>\n", kLeft - 12,
                       y + kCell / 2, escaped(result.classes[t]));
    svg += fmt::format("<text x=\"{:g}\" y=\"{:g}\">{}</text>\n", kLeft + kCell * (static_cast<double>(t) + 0.5),
                       kTop + 2 * kCell + 20, escaped(result.classes[t]));
    for (std::size_t p = 0; p < 2; ++p) {
      const double share = of_class > 0 ? static_cast<double>(counts[t][p]) / of_class : 0;
      const double x = kLeft + kCell * static_cast<double>(p);
      const std::string_view ink = share > 0.55 ? "#ffffff" : "#1d2733";
      svg += fmt::format(
          "<rect x=\"{0:g}\" y=\"{1:g}\" width=\"{2:g}\" height=\"{2:g}\" fill=\"{3}\" fill-opacity=\"{4:.3f}\" "
          "stroke=\"white\" stroke-width=\"2\"/>\n"
          "<text x=\"{5:g}\" y=\"{6:g}\" font-size=\"26\" font-weight=\"bold\" fill=\"{7}\">{8}</text>\n"
          "<text x=\"{5:g}\" y=\"{9:g}\" fill=\"{7}\">{10:.0f} % of {11}</text>\n",
          x, y, kCell, series_colour(0), 0.06 + 0.94 * share, x + kCell / 2, y + kCell / 2 + 2, ink, counts[t][p],
          y + kCell / 2 + 26, 100 * share, escaped(result.classes[t]));
    }
  }
  return {.title = "Confusion matrix",
          .svg = svg + "</svg>\n",
          .note = with_interval(result.metrics, "Balanced accuracy", "balanced_accuracy")};
}

Figure score_figure(const TargetResult& result) {
  constexpr int kBins = 20;
  std::array<std::array<double, kBins>, 2> counts{};
  double max_count = 1;
  for (const ScoredPrediction& p : result.predictions) {
    if (!(p.probability >= 0 && p.probability <= 1)) continue;
    double& count = counts[p.truth == 1.0][static_cast<std::size_t>(std::min(kBins - 1.0, p.probability * kBins))];
    max_count = std::max(max_count, ++count);
  }
  SvgPlot plot(
      {.title = {}, .note = {}, .x_label = "predicted probability of " + result.classes[1], .y_label = "participants"},
      {0, 1}, {0, 1.05 * max_count}, kSquare);
  for (std::size_t truth = 0; truth < 2; ++truth)
    for (std::size_t bin = 0; bin < kBins; ++bin)
      if (counts[truth][bin] > 0)
        plot.box({static_cast<double>(bin) / kBins, 0}, {static_cast<double>(bin + 1) / kBins, counts[truth][bin]},
                 truth);
  return {.title = "Scores by true class",
          .svg = plot.document(),
          .note = "Bars overlap.",
          .legend = {{result.classes[0], 0}, {result.classes[1], 1}}};
}

std::vector<CalibrationBin> calibration(std::span<const ScoredPrediction> predictions, int bins) {
  std::vector<CalibrationBin> all(static_cast<std::size_t>(bins));
  for (std::size_t b = 0; b < all.size(); ++b) {
    all[b].low = static_cast<double>(b) / bins;
    all[b].high = static_cast<double>(b + 1) / bins;
  }
  for (const ScoredPrediction& p : predictions) {
    if (!(p.probability >= 0 && p.probability <= 1)) continue;
    CalibrationBin& bin = all[std::min(all.size() - 1, static_cast<std::size_t>(p.probability * bins))];
    ++bin.count;
    bin.predicted += p.probability;
    bin.observed += p.truth;
  }
  std::erase_if(all, [](const CalibrationBin& bin) { return bin.count == 0; });
  for (CalibrationBin& bin : all) {
    const auto n = static_cast<double>(bin.count);
    bin.predicted /= n;
    bin.observed /= n;
    const auto interval = wilson(bin.observed, n);
    bin.interval_low = interval[0];
    bin.interval_high = interval[1];
  }
  return all;
}

double expected_calibration_error(std::span<const CalibrationBin> bins) {
  double sum = 0, count = 0;
  for (const CalibrationBin& bin : bins) {
    sum += static_cast<double>(bin.count) * std::abs(bin.predicted - bin.observed);
    count += static_cast<double>(bin.count);
  }
  return count > 0 ? sum / count : 0.0;
}

double brier_score(std::span<const ScoredPrediction> predictions) {
  double sum = 0;
  for (const ScoredPrediction& p : predictions) sum += (p.probability - p.truth) * (p.probability - p.truth);
  return predictions.empty() ? 0.0 : sum / static_cast<double>(predictions.size());
}

Figure calibration_figure(const TargetResult& result, int bins) {
  const auto filled = calibration(result.predictions, bins);
  SvgPlot plot({.title = {},
                .note = {},
                .x_label = "mean predicted probability of " + result.classes[1],
                .y_label = "share that is " + result.classes[1]},
               {0, 1}, {0, 1}, kSquare);
  constexpr std::array<Point, 2> kPerfect{{{0, 0}, {1, 1}}};
  plot.line(kPerfect, SvgPlot::Stroke::kReference);
  std::vector<Point> points;
  for (const CalibrationBin& bin : filled) {
    plot.error_bar(bin.predicted, bin.interval_low, bin.interval_high);
    points.push_back({bin.predicted, bin.observed});
  }
  plot.line(points, SvgPlot::Stroke::kCurve);
  for (const Point& point : points) plot.dot(point);
  return {.title = "Calibration",
          .svg = plot.document(),
          .note = fmt::format(
              "Expected calibration error {:.3g} in {} bins, Brier score {:.3g}; bars: 95 % Wilson intervals",
              expected_calibration_error(filled), bins, brier_score(result.predictions))};
}

Figure scatter_figure(std::span<const NamedResult> results) {
  std::vector<double> values;
  for (const NamedResult& one : results)
    for (const ScoredPrediction& p : one.result->predictions) values.insert(values.end(), {p.truth, p.predicted});
  const Range range = range_of(values);
  const std::string& target = results.front().result->target;
  SvgPlot plot({.title = {}, .note = {}, .x_label = "true " + target, .y_label = "predicted " + target}, range, range,
               kSquare);
  const std::array<Point, 2> identity{{{range.low, range.low}, {range.high, range.high}}};
  plot.line(identity, SvgPlot::Stroke::kReference);
  Figure figure{.title = "Predicted against true", .svg = {}, .note = "Dashed: prediction equals truth"};
  for (std::size_t r = 0; r < results.size(); ++r) {
    for (const ScoredPrediction& p : results[r].result->predictions) plot.dot({p.truth, p.predicted}, r);
    if (results.size() > 1) figure.legend.push_back({results[r].name, r});
  }
  if (results.size() == 1) figure.note = with_interval(results[0].result->metrics, "Correlation r", "pearson_r");
  figure.svg = plot.document();
  return figure;
}

Figure residual_figure(const TargetResult& result) {
  std::vector<double> predicted, residual;
  double sum = 0;
  for (const ScoredPrediction& p : result.predictions) {
    predicted.push_back(p.predicted);
    residual.push_back(p.truth - p.predicted);
    sum += residual.back();
  }
  std::vector<double> spread = residual;
  spread.push_back(0);  // the reference
  const Range x = range_of(predicted);
  SvgPlot plot({.title = {}, .note = {}, .x_label = "predicted " + result.target, .y_label = "true − predicted"}, x,
               range_of(spread), kSquare);
  const std::array<Point, 2> zero{{{x.low, 0}, {x.high, 0}}};
  plot.line(zero, SvgPlot::Stroke::kReference);
  for (std::size_t i = 0; i < predicted.size(); ++i) plot.dot({predicted[i], residual[i]});
  const double mean = predicted.empty() ? 0.0 : sum / static_cast<double>(predicted.size());
  return {.title = "Residuals",
          .svg = plot.document(),
          .note = fmt::format("Mean residual {:.3g}; {}", mean, with_interval(result.metrics, "MAE", "mae"))};
}

}  // namespace brainmt::analysis

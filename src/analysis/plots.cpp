#include "analysis/plots.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "analysis/svg_plot.hpp"

namespace brainmt::analysis {
namespace {

// "AUROC 0.93, 95 % CI [0.85, 0.98]; 29 subjects, test split"
std::string note_of(const nlohmann::ordered_json& metrics, const std::string& label, const std::string& name) {
  const auto& value = metrics.at(name);
  const std::string number = value.is_number() ? fmt::format("{:.3g}", value.get<double>()) : "not defined";
  const std::string interval = interval_text(metrics, name, /*digits=*/3);
  return fmt::format("{} {}{}{}; {} subjects, split: {}", label, number, interval.empty() ? "" : ", 95 % CI ", interval,
                     metrics.at("n_subjects").get<std::size_t>(), metrics.at("split").get<std::string>());
}

Plot roc_plot(const Evaluation& evaluation, const nlohmann::ordered_json& metrics) {
  std::vector<double> truth, score;
  for (const Prediction& p : evaluation.predictions) {
    truth.push_back(p.truth);
    score.push_back(p.output);
  }
  SvgPlot plot({.title = fmt::format("ROC curve: {}", evaluation.task.target),
                .note = note_of(metrics, "AUROC", "auroc"),
                .x_label = "false positive rate",
                .y_label = "true positive rate"},
               {0, 1}, {0, 1});
  constexpr std::array<SvgPlot::Point, 2> kChance{{{0, 0}, {1, 1}}};
  plot.line(kChance, SvgPlot::Stroke::kReference);
  if (const auto curve = roc_curve(truth, score); !curve.empty()) plot.line(curve, SvgPlot::Stroke::kCurve);
  return {"roc.svg", plot.document()};
}

Plot scatter_plot(const Evaluation& evaluation, const nlohmann::ordered_json& metrics) {
  std::vector<double> values;
  for (const Prediction& p : evaluation.predictions) values.insert(values.end(), {p.truth, p.predicted});
  const Range range = range_of(values);
  SvgPlot plot({.title = fmt::format("Predicted against true: {}", evaluation.task.target),
                .note = note_of(metrics, "Pearson r", "pearson_r"),
                .x_label = fmt::format("true {}", evaluation.task.target),
                .y_label = fmt::format("predicted {}", evaluation.task.target)},
               range, range);
  const std::array<SvgPlot::Point, 2> identity{{{range.low, range.low}, {range.high, range.high}}};
  plot.line(identity, SvgPlot::Stroke::kReference);
  for (const Prediction& p : evaluation.predictions) plot.dot({p.truth, p.predicted});
  return {"scatter.svg", plot.document()};
}

}  // namespace

std::vector<std::array<double, 2>> roc_curve(std::span<const double> truth, std::span<const double> score) {
  const auto positives = static_cast<double>(std::ranges::count(truth, 1.0));
  const double negatives = static_cast<double>(truth.size()) - positives;
  if (positives == 0 || negatives == 0 || std::ranges::any_of(score, [](double s) { return std::isnan(s); })) return {};
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });

  std::vector<std::array<double, 2>> curve{{0.0, 0.0}};
  double true_positives = 0, false_positives = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    ++(truth[order[i]] == 1.0 ? true_positives : false_positives);
    const bool tied = i + 1 < order.size() && score[order[i + 1]] == score[order[i]];
    if (!tied) curve.push_back({false_positives / negatives, true_positives / positives});
  }
  return curve;
}

Plot plot_of(const Evaluation& evaluation, const nlohmann::ordered_json& metrics) {
  return evaluation.task.task == train::Task::kClassification ? roc_plot(evaluation, metrics)
                                                              : scatter_plot(evaluation, metrics);
}

}  // namespace brainmt::analysis

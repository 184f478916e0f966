#include "analysis/plots.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "analysis/svg_plot.hpp"

namespace brainmt::analysis {
namespace {

// "AUROC 0.93, 95 % CI [0.85, 0.98]; 29 subjects, test split"
std::string note_of(const nlohmann::ordered_json& metrics, const std::string& part, const std::string& label,
                    const std::string& name) {
  const auto& value = metrics.at(name);
  const std::string number = value.is_number() ? fmt::format("{:.3g}", value.get<double>()) : "not defined";
  const std::string interval = interval_text(metrics, name, /*digits=*/3);
  return fmt::format("{} {}{}{}; {} subjects, split: {}", label, number, interval.empty() ? "" : ", 95 % CI ", interval,
                     metrics.at("n_subjects").get<std::size_t>(), part);
}

// The subjects that have one target, with what the metrics say about it.
struct TargetResult {
  std::string name, part;
  std::vector<double> truth, predicted, output;
  const nlohmann::ordered_json& metrics;
};

TargetResult result_of(const Evaluation& evaluation, const nlohmann::ordered_json& metrics, std::size_t target) {
  const task::TaskDescription& task = evaluation.task;
  const std::string& name = task.targets[target].target.name;
  const std::string note = evaluation.mismatches.empty() ? "" : ", other data than it was trained on";
  TargetResult result{
      name, evaluation.part + note, {}, {}, {}, task.is_multitask ? metrics.at("targets").at(name) : metrics};
  for (const Prediction& p : evaluation.predictions) {
    if (p.target != target || std::isnan(p.truth)) continue;
    result.truth.push_back(p.truth);
    result.predicted.push_back(p.predicted);
    result.output.push_back(p.output);
  }
  return result;
}

std::string roc_plot(const TargetResult& result) {
  SvgPlot plot({.title = fmt::format("ROC curve: {}", result.name),
                .note = note_of(result.metrics, result.part, "AUROC", "auroc"),
                .x_label = "false positive rate",
                .y_label = "true positive rate"},
               {0, 1}, {0, 1});
  constexpr std::array<SvgPlot::Point, 2> kChance{{{0, 0}, {1, 1}}};
  plot.line(kChance, SvgPlot::Stroke::kReference);
  if (const auto curve = roc_curve(result.truth, result.output); !curve.empty())
    plot.line(curve, SvgPlot::Stroke::kCurve);
  return plot.document();
}

std::string scatter_plot(const TargetResult& result) {
  std::vector<double> values = result.truth;
  values.insert(values.end(), result.predicted.begin(), result.predicted.end());
  const Range range = range_of(values);
  SvgPlot plot({.title = fmt::format("Predicted against true: {}", result.name),
                .note = note_of(result.metrics, result.part, "Pearson r", "pearson_r"),
                .x_label = fmt::format("true {}", result.name),
                .y_label = fmt::format("predicted {}", result.name)},
               range, range);
  const std::array<SvgPlot::Point, 2> identity{{{range.low, range.low}, {range.high, range.high}}};
  plot.line(identity, SvgPlot::Stroke::kReference);
  for (std::size_t i = 0; i < result.truth.size(); ++i) plot.dot({result.truth[i], result.predicted[i]});
  return plot.document();
}

// A column's name as part of a file's: what is not a letter, a digit, '_' or '-' becomes '_'.
std::string fit_for_file(std::string name) {
  for (char& c : name)
    if (!io::is_participant_id(std::string_view(&c, 1))) c = '_';
  constexpr std::size_t kMaxBytes = 64;
  return name.substr(0, kMaxBytes);
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

std::vector<Plot> plots_of(const Evaluation& evaluation, const nlohmann::ordered_json& metrics) {
  const task::TaskDescription& task = evaluation.task;
  std::vector<Plot> plots;
  for (std::size_t k = 0; k < task.targets.size(); ++k) {
    const bool classes = task.targets[k].target.task == task::Task::kClassification;
    const TargetResult result = result_of(evaluation, metrics, k);
    std::string name = classes ? "roc" : "scatter";
    if (task.is_multitask) name += "-" + fit_for_file(result.name);
    const auto is_taken = [&](const Plot& plot) { return plot.file_name == name + ".svg"; };
    if (std::ranges::any_of(plots, is_taken)) name += fmt::format("-{}", k + 1);
    plots.push_back({name + ".svg", classes ? roc_plot(result) : scatter_plot(result)});
  }
  return plots;
}

}  // namespace brainmt::analysis

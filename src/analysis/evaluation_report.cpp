// The files and the table that an evaluation becomes.
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/evaluate.hpp"

namespace brainmt::analysis {
namespace {

// The metrics of one target over the subjects that have it.
nlohmann::ordered_json scores_of(const Evaluation& evaluation, std::size_t target,
                                 const task::BootstrapSettings& bootstrap) {
  const bool classes = evaluation.task.targets[target].target.task == task::Task::kClassification;
  std::vector<double> truth, scores;
  for (const Prediction& p : evaluation.predictions) {
    if (p.target != target || std::isnan(p.truth)) continue;
    truth.push_back(p.truth);
    scores.push_back(classes ? p.output : p.predicted);
  }
  return classes ? task::classification_report(truth, scores, /*threshold=*/0.0, bootstrap)
                 : task::regression_report(truth, scores, bootstrap);
}

// As one field of a table: "orientation: RAS in training, LAS here; fill: ...".
std::string one_field(const std::vector<std::string>& texts) {
  std::string field = fmt::format("{}", fmt::join(texts, "; "));
  std::ranges::replace_if(
      field, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return field;
}

}  // namespace

std::string interval_text(const nlohmann::ordered_json& metrics, const std::string& name, int digits) {
  const auto intervals = metrics.find("ci95");
  if (intervals == metrics.end() || !intervals->contains(name)) return {};
  const auto& bounds = (*intervals)[name];
  if (!bounds.is_array() || bounds.size() != 2 || !bounds[0].is_number() || !bounds[1].is_number()) return {};
  return fmt::format("[{:.{}g}, {:.{}g}]", bounds[0].get<double>(), digits, bounds[1].get<double>(), digits);
}

nlohmann::ordered_json metrics_of(const Evaluation& evaluation, const task::BootstrapSettings& bootstrap) {
  const task::TaskDescription& task = evaluation.task;
  nlohmann::ordered_json metrics{{"task", task::name_of(task)}};
  if (!task.is_multitask) metrics["target"] = task.targets.front().target.name;
  metrics["split"] = evaluation.part;
  if (!task.confounds.empty()) metrics["confounds"] = task.confounds.names();
  if (!evaluation.mismatches.empty()) metrics["data_mismatch"] = evaluation.mismatches;
  if (!evaluation.differences.empty()) metrics["data_difference"] = evaluation.differences;
  if (!task.is_multitask) {
    metrics.update(scores_of(evaluation, 0, bootstrap));
    return metrics;
  }
  metrics["n_subjects"] = evaluation.predictions.size() / task.targets.size();
  for (std::size_t k = 0; k < task.targets.size(); ++k) {
    nlohmann::ordered_json of_target{{"task", task::name_of(task.targets[k].target.task)}};
    of_target.update(scores_of(evaluation, k, bootstrap));
    metrics["targets"][task.targets[k].target.name] = std::move(of_target);
  }
  return metrics;
}

std::string predictions_table(const Evaluation& evaluation) {
  const task::TaskDescription& task = evaluation.task;
  std::string table = "participant_id\tsplit\tn_windows\ty_true\ty_pred\tlogit\tprob";
  const std::string mismatch = one_field(evaluation.mismatches);
  table += fmt::format("{}{}\n", task.is_multitask ? "\ttarget" : "", mismatch.empty() ? "" : "\tdata_mismatch");
  for (const Prediction& p : evaluation.predictions) {
    const task::Target& target = task.targets[p.target].target;
    table += fmt::format("{}\t{}\t{}\t{}\t{}\t", p.participant_id, p.part, p.windows,
                         std::isnan(p.truth) ? "n/a" : fmt::format("{}", p.truth), p.predicted);
    if (target.task == task::Task::kClassification)
      table += fmt::format("{}\t{}", p.output, 1.0 / (1.0 + std::exp(-p.output)));
    else
      table += "n/a\tn/a";
    if (task.is_multitask) table += "\t" + target.name;
    if (!mismatch.empty()) table += "\t" + mismatch;
    table += '\n';
  }
  return table;
}

std::string metrics_table(const nlohmann::ordered_json& metrics) {
  std::string table;
  for (const auto& [name, value] : metrics.items()) {
    if (name == "ci95") continue;
    if (name == "targets") {
      for (const auto& [target, scores] : value.items())
        table += fmt::format("\n{}\n{}", target, metrics_table(scores));
      continue;
    }
    const std::string text = value.is_null()           ? "n/a"
                             : value.is_string()       ? value.get<std::string>()
                             : value.is_number_float() ? fmt::format("{:.4g}", value.get<double>())
                                                       : value.dump();
    const std::string interval = interval_text(metrics, name);
    table += fmt::format("{:<18}{}{}{}\n", name, text, interval.empty() ? "" : "   ", interval);
  }
  return table;
}

}  // namespace brainmt::analysis

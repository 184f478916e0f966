// The files and the table that an evaluation becomes.
#include <cmath>
#include <nlohmann/json.hpp>

#include "analysis/evaluate.hpp"

namespace brainmt::analysis {
std::string interval_text(const nlohmann::ordered_json& metrics, const std::string& name, int digits) {
  const auto intervals = metrics.find("ci95");
  if (intervals == metrics.end() || !intervals->contains(name)) return {};
  const auto& bounds = (*intervals)[name];
  if (!bounds.is_array() || bounds.size() != 2 || !bounds[0].is_number() || !bounds[1].is_number()) return {};
  return fmt::format("[{:.{}g}, {:.{}g}]", bounds[0].get<double>(), digits, bounds[1].get<double>(), digits);
}

nlohmann::ordered_json metrics_of(const Evaluation& evaluation, const train::BootstrapSettings& bootstrap) {
  const bool classes = evaluation.task.task == train::Task::kClassification;
  std::vector<double> truth, scores;
  for (const Prediction& p : evaluation.predictions) {
    truth.push_back(p.truth);
    scores.push_back(classes ? p.output : p.predicted);
  }
  nlohmann::ordered_json metrics{
      {"task", train::name_of(evaluation.task.task)}, {"target", evaluation.task.target}, {"split", evaluation.part}};
  metrics.update(classes ? train::classification_report(truth, scores, /*threshold=*/0.0, bootstrap)
                         : train::regression_report(truth, scores, bootstrap));
  return metrics;
}

std::string predictions_table(const Evaluation& evaluation) {
  std::string table = "participant_id\tsplit\tn_windows\ty_true\ty_pred\tlogit\tprob\n";
  for (const Prediction& p : evaluation.predictions) {
    table += fmt::format("{}\t{}\t{}\t{}\t{}\t", p.participant_id, p.part, p.windows, p.truth, p.predicted);
    if (evaluation.task.task == train::Task::kClassification)
      table += fmt::format("{}\t{}\n", p.output, 1.0 / (1.0 + std::exp(-p.output)));
    else
      table += "n/a\tn/a\n";
  }
  return table;
}

std::string metrics_table(const nlohmann::ordered_json& metrics) {
  std::string table;
  for (const auto& [name, value] : metrics.items()) {
    if (name == "ci95") continue;
    const std::string text = value.is_string()         ? value.get<std::string>()
                             : value.is_number_float() ? fmt::format("{:.4g}", value.get<double>())
                                                       : value.dump();
    const std::string interval = interval_text(metrics, name);
    table += fmt::format("{:<18}{}{}{}\n", name, text, interval.empty() ? "" : "   ", interval);
  }
  return table;
}

}  // namespace brainmt::analysis

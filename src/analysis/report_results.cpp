#include "analysis/report_results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/evaluate.hpp"
#include "analysis/report_cohort.hpp"
#include "analysis/report_figures.hpp"
#include "analysis/shown_numbers.hpp"

namespace brainmt::analysis {
namespace {

using Align = Table::Align;

Table metric_table(const TargetResult& result) {
  Table table{.columns = {{"metric"}, {"value", Align::kNumber}, {"95 % CI", Align::kNumber}}, .rows = {}};
  for (const std::string& metric : metrics_of_kind(result.is_classification))
    if (const std::string value = value_text(result.metrics, metric); !value.empty())
      table.rows.push_back({metric_label(metric), value, interval_text(result.metrics, metric, 4)});
  return table;
}

// What 'evaluate' measured; not a number where it did not.
Estimate estimate_of(const TargetResult& result, const std::string& metric) {
  const auto number = [](const nlohmann::ordered_json& json) {
    return json.is_number() ? json.get<double>() : std::nan("");
  };
  Estimate estimate{.value = std::nan(""), .low = std::nan(""), .high = std::nan("")};
  const nlohmann::ordered_json& metrics = result.metrics;
  if (metrics.contains(metric)) estimate.value = number(metrics[metric]);
  if (metrics.contains("ci95") && metrics["ci95"].contains(metric) && metrics["ci95"][metric].is_array()) {
    estimate.low = number(metrics["ci95"][metric].at(0));
    estimate.high = number(metrics["ci95"][metric].at(1));
  }
  estimate.participants = result.predictions.size();
  return estimate;
}

// Runs that predict the same target in the same way, with what they are called.
std::vector<NamedResult> results_of(std::span<const RunRecord> runs, const TargetResult& like) {
  std::vector<NamedResult> results;
  for (const RunRecord& run : runs)
    for (const TargetResult& result : run.results)
      if (result.target == like.target && result.is_classification == like.is_classification)
        results.push_back({run.name, &result});
  return results;
}

task::Task task_of(const TargetResult& result) {
  return result.is_classification ? task::Task::kClassification : task::Task::kRegression;
}

// Families stay together where the run's split keeps them together and its cohort is there.
Resampling resampling_of(const RunRecord& run) {
  Resampling resampling;
  if (run.facts) resampling.blocks = run.facts->blocks;
  return resampling;
}

// Each run minus the first, over the participants that both scored.
Table paired_table(const std::vector<NamedResult>& results, const Resampling& resampling) {
  const TargetResult& first = *results.front().result;
  const auto task = task_of(first);
  Table table{.columns = {{"difference"},
                          {"metric"},
                          {"value", Align::kNumber},
                          {"p", Align::kNumber},
                          {"95 % CI", Align::kNumber},
                          {"participants", Align::kNumber}},
              .rows = {}};
  const auto number = [](double value) { return std::isfinite(value) ? fmt::format("{:.3g}", value) : "–"; };
  for (std::size_t r = 1; r < results.size(); ++r)
    for (const std::string& metric : metrics_of_kind(first.is_classification).first(3)) {
      const Comparison c = compare({{0, scored(*results[r].result)}}, {{0, scored(first)}}, metric, task, resampling);
      table.rows.push_back({fmt::format("{} minus {}", results[r].name, results.front().name), metric_label(metric),
                            number(c.difference.value), number(c.p),
                            fmt::format("[{}, {}]", number(c.difference.low), number(c.difference.high)),
                            std::to_string(c.difference.participants)});
    }
  return table;
}

// The model and the baselines of its run, with each baseline's difference from it.
void add_baselines(HtmlPage& page, const RunRecord& run, const TargetResult& result, const BesideBaselines& all) {
  const auto found = all.find(&result);
  if (found == all.end()) {
    if (!result.predictions.empty() && !run.is_baseline) page.paragraph(how_to_make_baselines(run.directory.string()));
    return;
  }
  const std::string& metric = metrics_of_kind(result.is_classification)[0];
  // What is read first stands first: a narrow window cuts the table.
  Table table{.columns = {{"predictor"},
                          {metric_label(metric), Align::kNumber},
                          {"minus this model", Align::kNumber},
                          {"p, Holm", Align::kNumber},
                          {"95 % CI of the difference", Align::kNumber},
                          {fmt::format("95 % CI of {}", metric_label(metric)), Align::kNumber},
                          {"n", Align::kNumber}},
              .rows = {}};
  const Estimate own = estimate_of(result, metric);
  table.rows.push_back(
      {"this model", shown(own.value), "", "", "", shown_interval(own), value_text(result.metrics, "n_subjects")});
  std::vector<Estimate> estimates;
  for (const BaselineScore& one : found->second) {
    const Comparison& c = one.difference;
    estimates.push_back(one.estimate);
    table.rows.push_back({one.title, shown(one.estimate.value), shown(c.difference.value), shown_p(one.p_holm),
                          shown_interval(c.difference), shown_interval(one.estimate),
                          std::to_string(c.difference.participants)});
  }
  page.subsection("Beside the baselines");
  page.table(table);
  std::string caption = "Baseline minus this model; p by permutation (two-sided)";
  if (estimates.size() > 1) caption += fmt::format(", Holm over {} baselines", estimates.size());
  const std::string note = no_width_note(estimates, metric);
  page.paragraph(fmt::format("{}.{}{}", caption, note.empty() ? "" : " ", note));
}

void add_details(HtmlPage& page, const RunRecord& run, const TargetResult& result, const BesideBaselines& baselines,
                 int bins) {
  const auto levels = levels_table(run, result), groups = groups_table(run, result);
  if (levels)
    page.beside(metric_table(result), *levels);
  else
    page.beside(metric_table(result), Figure{});
  const std::string& metric = metrics_of_kind(result.is_classification)[0];
  if (const std::string note = no_width_note(std::array{estimate_of(result, metric)}, metric); !note.empty())
    page.paragraph(note);
  add_baselines(page, run, result, baselines);
  if (result.predictions.empty()) return;
  const NamedResult one{run.name, &result};
  std::vector<Figure> figures;
  if (result.is_classification)
    figures = {roc_figure({&one, 1}), confusion_figure(result), calibration_figure(result, bins), score_figure(result)};
  else
    figures = {scatter_figure({&one, 1}), residual_figure(result)};
  page.figures(figures);
  if (!groups) return;
  page.subsection("By sex, site, age and motion");
  page.table(*groups);
}

// All runs in one axis; figures that cannot be overlaid are side by side under the names of the runs.
void add_overlay(HtmlPage& page, std::span<const RunRecord> runs, const std::vector<NamedResult>& results,
                 const BesideBaselines& baselines) {
  page.table(paired_table(results, resampling_of(runs.front())));
  std::vector<NamedResult> drawn;
  std::ranges::copy_if(results, std::back_inserter(drawn),
                       [](const auto& r) { return !r.result->predictions.empty(); });
  if (drawn.empty()) return;
  const bool classes = drawn.front().result->is_classification;
  std::vector<Figure> figures{classes ? roc_figure(drawn) : scatter_figure(drawn)};
  for (const NamedResult& one : drawn) {
    figures.push_back(classes ? confusion_figure(*one.result) : residual_figure(*one.result));
    figures.back().title += fmt::format(" · {}", one.name);
  }
  page.figures(figures);
  for (const NamedResult& one : results) {
    const auto run = std::ranges::find(runs, one.name, &RunRecord::name);
    if (const auto levels = levels_table(*run, *one.result)) {
      page.subsection(fmt::format("{} beside what needs no scan", one.name));
      page.table(*levels);
    }
    if (!baselines.contains(one.result)) continue;
    page.subsection(fmt::format("{}", one.name));
    add_baselines(page, *run, *one.result, baselines);
  }
}

}  // namespace

std::span<const std::string> metrics_of_kind(bool classification) {
  static const std::vector<std::string> kClassification{"auroc", "balanced_accuracy", "accuracy",
                                                        "f1",    "precision",         "recall"};
  static const std::vector<std::string> kRegression{"pearson_r", "r2", "mae", "mse", "pearson_p"};
  return classification ? kClassification : kRegression;
}

std::string value_text(const nlohmann::ordered_json& metrics, const std::string& key) {
  const auto found = metrics.find(key);
  if (found == metrics.end()) return "";
  return found->is_number() ? fmt::format("{:.4g}", found->get<double>()) : "not defined";
}

BesideBaselines beside_baselines(std::span<const RunRecord> runs) {
  BesideBaselines all;
  for (const RunRecord& run : runs)
    for (const TargetResult& result : run.results) {
      std::vector<std::pair<std::string, Repeats>> baselines;
      for (const RunBaseline& one : run.baselines)
        if (const auto found = one.targets.find(result.target); found != one.targets.end())
          baselines.emplace_back(one.title, Repeats{{0, found->second}});
      if (baselines.empty() || result.predictions.empty()) continue;
      all[&result] = score_baselines({{0, scored(result)}}, baselines, metrics_of_kind(result.is_classification)[0],
                                     task_of(result), resampling_of(run));
    }
  return all;
}

void add_results(HtmlPage& page, std::span<const RunRecord> runs, const BesideBaselines& baselines, int bins) {
  std::vector<const TargetResult*> done;
  for (const RunRecord& run : runs)
    for (const TargetResult& result : run.results) {
      const auto results = results_of(runs, result);
      if (std::ranges::find(done, results.front().result) != done.end()) continue;
      done.push_back(results.front().result);
      const std::string title = fmt::format("Predictions: {}", result.target.empty() ? "result" : result.target);
      if (results.size() > 1) {
        page.section(title, fmt::format("{} runs over the participants that they both scored. p is two-sided, by "
                                        "swaps of the two runs' predictions.",
                                        results.size()));
        add_overlay(page, runs, results, baselines);
        continue;
      }
      page.section(runs.size() > 1 ? fmt::format("{} · {}", title, run.name) : title,
                   fmt::format("{} participants of the split part “{}”, one averaged output each. Intervals: bootstrap "
                               "over participants.",
                               value_text(result.metrics, "n_subjects"), run.evaluated_part));
      add_details(page, run, result, baselines, bins);
    }
}

}  // namespace brainmt::analysis

#include "analysis/report.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <set>

#include "analysis/evaluate.hpp"
#include "analysis/html.hpp"
#include "analysis/report_cohort.hpp"
#include "analysis/report_figures.hpp"
#include "analysis/report_provenance.hpp"
#include "analysis/report_results.hpp"
#include "base/error.hpp"

namespace brainmt::analysis {
namespace {

using Json = nlohmann::ordered_json;
using Align = Table::Align;

// Not compared as settings: the path of the run.
bool is_path(const std::string& key) { return key == "run.dir"; }

std::string file_name_of(const std::string& path) { return std::filesystem::path(path).filename().string(); }

std::string short_hash(const std::string& hash) { return hash.substr(0, 12); }

std::string value_text(const Json& metrics, const std::string& key) {
  const auto found = metrics.find(key);
  if (found == metrics.end()) return "";
  return found->is_number() ? fmt::format("{:.4g}", found->get<double>()) : "not defined";
}

std::string names_of(std::span<const RunRecord> runs, const std::function<std::string(const RunRecord&)>& get) {
  std::vector<std::string> different;
  for (const RunRecord& run : runs)
    if (std::string value = get(run); !value.empty() && std::ranges::find(different, value) == different.end())
      different.push_back(std::move(value));
  return fmt::format("{}", fmt::join(different, ", "));
}

std::string target_of(const RunRecord& run) {
  for (const char* key : {"task.target", "task.targets"})
    if (const std::string target = run.setting(key); !target.empty() && target != "[]") return target;
  return "";
}

std::string title_of(std::span<const RunRecord> runs) {
  const std::string targets = names_of(runs, target_of);
  const std::string tasks = names_of(runs, [](const RunRecord& run) { return run.setting("task"); });
  std::string title = targets.empty() ? tasks : fmt::format("{} of {}", tasks, targets);
  if (!title.empty()) title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  return title;
}

std::string lead_of(std::span<const RunRecord> runs) {
  const std::string cohorts =
      names_of(runs, [](const RunRecord& run) { return file_name_of(run.setting("data.cohort")); });
  const std::string splits = names_of(runs, [](const RunRecord& run) {
    const auto hash = run.split.find("ids_sha256");
    return hash == run.split.end() ? "" : short_hash(hash->second);
  });
  std::string lead = runs.size() == 1 ? fmt::format("Run {}", runs.front().name) : fmt::format("{} runs", runs.size());
  if (!cohorts.empty()) lead += fmt::format(" on {}", cohorts);
  if (!splits.empty()) lead += fmt::format(", split {}", splits);
  return lead + ".";
}

double last_of(const std::vector<CurvePoint>* curve, double fallback = NAN) {
  return curve == nullptr || curve->empty() ? fallback : curve->back()[1];
}

std::string last_step(const RunRecord& run) {
  const auto* loss = run.curve("train", "loss");
  return loss == nullptr || loss->empty() ? "0" : fmt::format("{:g}", loss->back()[0]);
}

// The lowest validation loss and its step.
std::optional<CurvePoint> best_validation(const RunRecord& run) {
  const auto* loss = run.curve("val", "loss");
  if (loss == nullptr || loss->empty()) return std::nullopt;
  return *std::ranges::min_element(*loss, {}, [](const CurvePoint& p) { return std::isnan(p[1]) ? INFINITY : p[1]; });
}

double median_of(const std::vector<CurvePoint>* curve) {
  if (curve == nullptr || curve->empty()) return NAN;
  std::vector<double> values;
  for (const CurvePoint& p : *curve) values.push_back(p[1]);
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

std::string or_dash(double value, const char* format) {
  return std::isfinite(value) ? fmt::format(fmt::runtime(format), value) : "–";
}

std::vector<Fact> facts_of(const RunRecord& run) {
  std::vector<Fact> facts;
  for (const TargetResult& result : run.results) {
    const std::string& main = metrics_of_kind(result.is_classification)[0];
    const std::string interval = interval_text(result.metrics, main, 3);
    const std::string of =
        run.results.size() > 1 ? fmt::format("{}, {}", metric_label(main), result.target) : metric_label(main);
    facts.push_back({fmt::format("{} on {}", of, run.evaluated_part), value_text(result.metrics, main),
                     interval.empty() ? "" : "95 % CI " + interval});
  }
  if (!run.mismatches.empty())
    facts.push_back(
        {"Other data than it was trained on", "allowed", fmt::format("{}", fmt::join(run.mismatches, "; "))});
  if (!run.differences.empty())
    facts.push_back(
        {"Other data than it was trained on", "warned of", fmt::format("{}", fmt::join(run.differences, "; "))});
  if (!run.results.empty())
    facts.push_back({"Participants scored", value_text(run.results.front().metrics, "n_subjects"),
                     run.split.contains("train") ? fmt::format("{} trained on, {} validated on", run.split.at("train"),
                                                               run.split.contains("val") ? run.split.at("val") : "0")
                                                 : ""});
  if (const auto best = best_validation(run))
    facts.push_back(
        {"Best validation loss", fmt::format("{:.4g}", (*best)[1]), fmt::format("at step {:g}", (*best)[0])});
  if (run.is_baseline) return facts;
  facts.push_back({"Steps", last_step(run), fmt::format("{:g} epochs", last_of(run.curve("train", "epoch"), 0))});
  if (const double rate = median_of(run.curve("train", "samples_per_s")); std::isfinite(rate))
    facts.push_back({"Throughput", fmt::format("{:.3g}/s", rate), "samples, median over intervals"});
  return facts;
}

// Table of metrics with intervals: one row per run and target.
void add_comparison(HtmlPage& page, std::span<const RunRecord> runs) {
  std::set<bool> kinds;
  for (const RunRecord& run : runs)
    for (const TargetResult& result : run.results) kinds.insert(result.is_classification);
  for (const bool classification : kinds) {
    Table table{.columns = {{"run"}, {"target"}, {"split"}, {"n", Align::kNumber}}, .rows = {}};
    for (const std::string& metric : metrics_of_kind(classification).first(3)) {
      table.columns.push_back({metric_label(metric), Align::kNumber});
    }
    for (const RunRecord& run : runs) {
      for (const TargetResult& result : run.results) {
        if (result.is_classification != classification) continue;
        std::vector<std::string> row{run.name, result.target, run.evaluated_part,
                                     value_text(result.metrics, "n_subjects")};
        for (const std::string& metric : metrics_of_kind(classification).first(3)) {
          const std::string value = value_text(result.metrics, metric);
          row.push_back(fmt::format("{} {}", value, interval_text(result.metrics, metric, 3)));
        }
        table.rows.push_back(std::move(row));
      }
    }
    page.table(table);
  }
  Table training{.columns = {{"run"},
                             {"steps", Align::kNumber},
                             {"best val loss", Align::kNumber},
                             {"at step", Align::kNumber},
                             {"samples/s", Align::kNumber}},
                 .rows = {}};
  for (const RunRecord& run : runs) {
    if (run.is_baseline) continue;
    const auto best = best_validation(run);
    training.rows.push_back({run.name, last_step(run), or_dash(best ? (*best)[1] : NAN, "{:.4g}"),
                             or_dash(best ? (*best)[0] : NAN, "{:g}"),
                             or_dash(median_of(run.curve("train", "samples_per_s")), "{:.3g}")});
  }
  if (!training.rows.empty()) page.table(training);
}

void add_summary(HtmlPage& page, std::span<const RunRecord> runs) {
  page.section("Summary");
  if (runs.size() == 1)
    page.facts(facts_of(runs.front()));
  else
    add_comparison(page, runs);
  if (std::ranges::all_of(runs, [](const RunRecord& run) { return run.results.empty(); }))
    page.paragraph("No predictions yet: run 'brainmt evaluate' to score a split.");
}

void add_configuration(HtmlPage& page, std::span<const RunRecord> runs) {
  page.section("Configuration", runs.size() > 1 ? "Settings that differ between the runs; all of them are below." : "");
  std::set<std::string> keys;
  for (const RunRecord& run : runs)
    for (const auto& [key, value] : run.config) keys.insert(key);
  Table all{.columns = {{"key"}}, .rows = {}}, different{.columns = {{"key"}}, .rows = {}};
  for (const RunRecord& run : runs) {
    all.columns.push_back({runs.size() == 1 ? "value" : run.name});
    different.columns.push_back({run.name});
  }
  for (const std::string& key : keys) {
    std::vector<std::string> row{key};
    for (const RunRecord& run : runs) row.push_back(run.config.contains(key) ? run.setting(key) : "not there");
    const bool same = std::ranges::all_of(row.begin() + 1, row.end(), [&](const auto& v) { return v == row[1]; });
    if (!same && !is_path(key)) different.rows.push_back(row);
    all.rows.push_back(std::move(row));
  }
  if (runs.size() > 1 && !different.rows.empty()) page.table(different);
  if (runs.size() > 1 && different.rows.empty()) page.paragraph("The runs differ in nothing but their directory.");
  page.folded_table(fmt::format("All {} settings", all.rows.size()), all);
}

// One curve of each run that has it.
std::vector<NamedCurve> curves_of(std::span<const RunRecord> runs, const std::string& part, const std::string& name) {
  std::vector<NamedCurve> curves;
  for (std::size_t r = 0; r < runs.size(); ++r)
    if (const auto* curve = runs[r].curve(part, name)) curves.push_back({runs[r].name, *curve, r});
  return curves;
}

void add_figure(std::vector<Figure>& figures, Figure figure) {
  if (!figure.svg.empty()) figures.push_back(std::move(figure));
}

// "sex.auroc" -> "AUROC, sex"
std::string label_of(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  const std::string metric = dot == std::string::npos ? name : name.substr(dot + 1);
  const std::string label = metric_label(metric);
  return dot == std::string::npos ? label : fmt::format("{}, {}", label, name.substr(0, dot));
}

void add_training(HtmlPage& page, std::span<const RunRecord> runs) {
  if (std::ranges::all_of(runs, &RunRecord::is_baseline)) return;
  std::vector<Figure> figures;
  if (runs.size() == 1) {
    std::vector<NamedCurve> losses;
    if (const auto* train = runs.front().curve("train", "loss")) losses.push_back({"training", *train, 0});
    if (const auto* val = runs.front().curve("val", "loss")) losses.push_back({"validation", *val, 1});
    add_figure(figures, curve_figure("Loss", "loss", losses));
  } else {
    add_figure(figures, curve_figure("Training loss", "loss", curves_of(runs, "train", "loss")));
    add_figure(figures, curve_figure("Validation loss", "loss", curves_of(runs, "val", "loss")));
  }
  std::set<std::string> validated;
  for (const RunRecord& run : runs)
    if (const auto val = run.curves.find("val"); val != run.curves.end())
      for (const auto& [name, points] : val->second) validated.insert(name);
  for (const std::string& name : validated)
    if (name != "loss" && name != "epoch")
      add_figure(figures,
                 curve_figure(label_of(name), label_of(name), curves_of(runs, "val", name), "Validation part"));
  add_figure(figures, curve_figure("Learning rate", "learning rate", curves_of(runs, "train", "lr")));
  add_figure(figures, curve_figure("Gradient norm", "norm before clipping", curves_of(runs, "train", "grad_norm")));
  page.section("Training");
  if (figures.empty()) page.paragraph("No step is logged yet.");
  page.figures(figures);
}

// Values of a curve times `factor`, divided by the steps since the point before.
std::vector<CurvePoint> per_step(const std::vector<CurvePoint>& curve, double factor) {
  std::vector<CurvePoint> result;
  double before = 0;
  for (const CurvePoint& p : curve) {
    if (p[0] > before) result.push_back({p[0], factor * p[1] / (p[0] - before)});
    before = p[0];
  }
  return result;
}

void add_resources(HtmlPage& page, std::span<const RunRecord> runs) {
  std::vector<Figure> figures;
  add_figure(figures, curve_figure("Throughput", "samples per second", curves_of(runs, "train", "samples_per_s")));
  const auto waits = [&](const char* title, const char* name, const char* note) {
    auto curves = curves_of(runs, "train", name);
    for (NamedCurve& curve : curves) curve.points = per_step(curve.points, 1000);
    add_figure(figures, curve_figure(title, "milliseconds per step", curves, note));
  };
  waits("Waiting for data", "data_wait_s", "Rank 0, mean over the steps of an interval");
  waits("Exposed communication", "exposed_comm_s",
        "Rank 0: reduction of gradients that the backward pass did not hide");
  add_figure(figures,
             curve_figure("Memory", "peak resident MiB", curves_of(runs, "train", "peak_memory_mib"), "Rank 0"));
  if (figures.empty()) return;
  page.section("Resources");
  page.figures(figures);
}

}  // namespace

std::string report_page(std::span<const RunRecord> runs, const ReportSettings& settings) {
  BRAINMT_CHECK(!runs.empty(), "a report of no runs");
  HtmlPage page(settings.title.empty() ? title_of(runs) : settings.title, lead_of(runs));
  const BesideBaselines baselines = beside_baselines(runs);
  for (const RunRecord& run : runs)
    for (const TargetResult& result : run.results)
      if (const auto found = baselines.find(&result); found != baselines.end()) {
        const std::string sentence = sentence_of_winner(found->second, runs.size() > 1 ? run.name : "this model",
                                                        result.target, metrics_of_kind(result.is_classification)[0]);
        if (!sentence.empty()) page.paragraph(sentence);
      }
  add_summary(page, runs);
  add_results(page, runs, baselines, settings.bins);
  add_people(page, runs);
  add_training(page, runs);
  add_resources(page, runs);
  add_configuration(page, runs);
  add_provenance(page, runs);
  return page.document(settings.program);
}

}  // namespace brainmt::analysis

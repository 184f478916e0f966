// `brainmt sweep collect`: the tables.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/atomic_file.hpp"
#include "jobs/slurm.hpp"
#include "run/outputs.hpp"
#include "sweep/results.hpp"

namespace brainmt::sweep {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::string text(const Json& value) {
  return value.is_null() ? "n/a" : value.is_string() ? value.get<std::string>() : value.dump();
}

Json to_json(const analysis::Estimate& e) {
  return {{"value", number(e.value)}, {"ci95", {number(e.low), number(e.high)}}, {"participants", e.participants}};
}

Json to_json(const CellResult& cell, const Plan& plan) {
  Json json{{"name", cell.name}};
  if (!cell.grid.empty()) json["grid"] = cell.grid;
  for (std::size_t a = 0; a < cell.labels.size(); ++a) json["axes"][plan.manifest.axes[a]] = cell.labels[a];
  json.update({{"runs", cell.runs}, {"planned", cell.planned}});
  if (cell.repeats.empty()) return json;
  json.update(to_json(cell.estimate));
  for (const CellComparison& one : cell.comparisons) {
    Json entry{{"with", one.with}};
    Json difference = to_json(one.result.difference);
    entry["difference"] = difference["value"];
    entry["ci95"] = difference["ci95"];
    entry["p"] = number(one.result.p);
    entry["participants"] = difference["participants"];
    entry["repeats"] = one.result.repeats;
    json["comparisons"].push_back(std::move(entry));
  }
  return json;
}

Json summary_json(const TargetResults& results, const Plan& plan) {
  Json json{{"target", results.target}, {"task", task::name_of(results.task)}, {"metric", results.metric}};
  for (const char* list : {"cells", "baselines"}) json[list] = Json::array();
  for (const CellResult& cell : results.cells) json["cells"].push_back(to_json(cell, plan));
  for (const CellResult& cell : results.baselines) json["baselines"].push_back(to_json(cell, plan));
  return json;
}

// One object a row of the manifest and target: "auroc", "auroc_low", "auroc_high" and so on.
Json row_json(const Plan& plan, const Results& results, const TaskStatus& state, const TargetResults& target) {
  const jobs::ManifestRow& row = *state.row;
  Json json{{"index", row.index}, {"grid", row.grid}};
  for (std::size_t a = 0; a < plan.manifest.axes.size(); ++a) json[plan.manifest.axes[a]] = row.labels[a];
  json["seed"] = row.seed;
  json["fold"] = row.fold < 0 ? Json(nullptr) : Json(row.fold);
  json["task"] = row.task;
  json["state"] = state.shown;
  if (results.has_several()) json["target"] = target.target;
  const RowResult* result = target.row(row.index);
  json["n_subjects"] = result != nullptr ? result->metrics.value("n_subjects", Json(nullptr)) : Json(nullptr);
  for (const std::string& name : results.metric_columns()) {
    const Json& metrics = result != nullptr ? result->metrics : Json::object();
    json[name] = metrics.value(name, Json(nullptr));
    const Json interval = metrics.value("ci95", Json::object()).value(name, Json::array({nullptr, nullptr}));
    json[name + "_low"] = interval.at(0);
    json[name + "_high"] = interval.at(1);
  }
  return json;
}

// All of them: the targets of a task stand below each other.
std::vector<Json> rows_json(const Plan& plan, const Results& results) {
  std::vector<Json> rows;
  for (const TaskStatus& state : results.states)
    for (const TargetResults& target : results.targets) rows.push_back(row_json(plan, results, state, target));
  return rows;
}

// The cells below each other, then what each is more than others.
void print_summary(const TargetResults& results) {
  std::size_t width = 0, minus = 0;
  for (const auto* list : {&results.cells, &results.baselines})
    for (const CellResult& cell : *list) {
      width = std::max(width, cell.name.size());
      for (const CellComparison& one : cell.comparisons) minus = std::max(minus, one.with.size());
    }
  if (!results.winner.empty()) fmt::print("{}\n", results.winner);
  fmt::print("{} of {}, mean over seeds, 95 % interval over test participants\n", results.metric, results.target);
  for (const auto* list : {&results.cells, &results.baselines})
    for (const CellResult& cell : *list)
      fmt::print("{:<{}}  {:>6}  {:<16}  {} of {} runs\n", cell.name, width, shown(cell.estimate.value),
                 shown_interval(cell.estimate), cell.runs, cell.planned);
  fmt::print("paired differences over the same test participants\n");
  for (const CellResult& cell : results.cells)
    for (const CellComparison& one : cell.comparisons)
      fmt::print("{:<{}}  minus {:<{}}  {:>6}  {:<16}  p = {}\n", cell.name, width, one.with, minus,
                 shown(one.result.difference.value), shown_interval(one.result.difference), shown_p(one.result.p));
}

}  // namespace

std::string results_table(const Plan& plan, const Results& results) {
  std::string table;
  for (const Json& row : rows_json(plan, results)) {
    std::string names, values;
    for (const auto& [name, value] : row.items()) {
      names += (names.empty() ? "" : "\t") + name;
      values += (values.empty() ? "" : "\t") + text(value);
    }
    if (table.empty()) table = names + "\n";
    table += values + "\n";
  }
  return table;
}

Json results_json(const Plan& plan, const Results& results) {
  // Version 2, so that readers of version 1 do not take one target for all.
  Json json{{"format", "brainmt-sweep-results"}, {"version", results.has_several() ? 2 : 1}, {"name", plan.sweep.name}};
  if (results.has_several())
    for (const TargetResults& target : results.targets) json["targets"].push_back(summary_json(target, plan));
  else
    json.update(summary_json(results.targets.front(), plan));
  for (const char* list : {"tasks", "missing"}) json[list] = Json::array();
  for (Json& row : rows_json(plan, results)) json["tasks"].push_back(std::move(row));
  for (const TaskStatus* task : results.missing()) json["missing"].push_back(task->row->index);
  return json;
}

void collect(const config::Config& options, const Plan& plan) {
  const analysis::Resampling resampling{.seed = static_cast<std::uint64_t>(options.get<std::int64_t>("seed")),
                                        .resamples = options.get<int>("bootstrap"),
                                        .permutations = options.get<int>("bootstrap")};
  const std::string tables = "results of 'brainmt sweep collect'";
  run::check_outputs(
      {.files = {{"out", plan.out / "results.tsv", run::text_kind(tables, "index\tgrid\t")},
                 {"out", plan.out / "results.json", run::json_kind(tables, {"format", "tasks", "missing"})},
                 {"out", plan.out / "results.html", run::page_kind()}}});
  const Results results = gather_results(plan, options.get<std::string>("metric"), resampling);
  io::write_atomically(plan.out / "results.tsv", results_table(plan, results));
  io::write_atomically(plan.out / "results.json", results_json(plan, results).dump(1) + "\n");
  if (results.done() > 0) {
    io::write_atomically(plan.out / "results.html", results_page(plan, results));
    for (const TargetResults& target : results.targets) print_summary(target);
  }
  fmt::print("written      {}\n", (plan.out / "results.tsv").string());
  const auto missing = results.missing();
  if (missing.empty()) return;
  std::vector<std::size_t> indices;
  for (const TaskStatus* task : missing) {
    indices.push_back(task->row->index);
    log::error("task {} ({}) is {}{}{}", task->row->index, plan.label(*task->row), task->shown,
               task->error.empty() ? "" : ": ", task->error);
  }
  throw DataError(fmt::format("{} of {} rows are missing: {}; 'brainmt sweep submit' or 'run' does them",
                              missing.size(), results.states.size(), jobs::compress(indices)));
}

}  // namespace brainmt::sweep

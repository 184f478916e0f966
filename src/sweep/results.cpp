#include "sweep/results.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <tuple>

#include "analysis/baseline.hpp"
#include "analysis/blocks.hpp"
#include "analysis/prediction_table.hpp"
#include "analysis/result_files.hpp"
#include "analysis/run_baselines.hpp"
#include "base/error.hpp"
#include "task/split.hpp"
#include "train/trainer.hpp"

namespace brainmt::sweep {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json read_metrics(const fs::path& path) {
  std::ifstream in(path);
  Json metrics = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  if (!metrics.is_object() || !metrics.contains("task"))
    throw DataError(
        fmt::format("{}: cannot be read as metrics: remove task.json beside it and run the task again", path.string()));
  return metrics;
}

// Adds every row to the predictions of its target, which is the only one where the file names none: the logit of a
// classification, the value in original units of a regression.
void read_predictions(const fs::path& path, std::vector<TargetResults>& targets) {
  for (const analysis::PredictionRow& row : analysis::read_prediction_table(path).rows) {
    const auto target = row.target.empty() && targets.size() == 1
                            ? targets.begin()
                            : std::ranges::find(targets, row.target, &TargetResults::target);
    if (target == targets.end())
      throw DataError(
          fmt::format("{}:{}: target '{}' is not in metrics.json beside it", path.string(), row.line, row.target));
    if (std::isnan(row.truth)) continue;
    const double score = target->task == task::Task::kClassification ? row.logit : row.predicted;
    target->rows.back().predictions[row.participant_id] = {row.truth, score};
  }
}

// The targets of a run without rows, each with its entry of metrics.json.
std::vector<std::pair<TargetResults, Json>> targets_of(const Json& metrics) {
  std::vector<std::pair<TargetResults, Json>> targets;
  const auto add = [&](const std::string& name, const Json& entry) {
    const bool classes = entry.value("task", "") == "classification";
    TargetResults target;
    target.task = classes ? task::Task::kClassification : task::Task::kRegression;
    target.target = name;
    targets.emplace_back(std::move(target), entry);
  };
  if (metrics.contains("targets"))
    for (const auto& [name, entry] : metrics["targets"].items()) add(name, entry);
  else
    add(metrics.value("target", ""), metrics);
  return targets;
}

void read_row(const Plan& plan, const jobs::ManifestRow& row, Results& results) {
  const fs::path run = plan.run_dir(row);
  const auto file = [&, part = evaluate_config(plan, row).get<std::string>("split")](const char* name) {
    return run / analysis::result_file(name, part);
  };
  const auto found = targets_of(read_metrics(file("metrics.json")));
  Results of_row;
  for (const auto& [target, entry] : found) of_row.targets.push_back(target);
  if (results.targets.empty()) results.targets = of_row.targets;
  const auto same = [](const TargetResults& a, const TargetResults& b) {
    return a.task == b.task && a.target == b.target;
  };
  if (!std::ranges::equal(of_row.targets, results.targets, same))
    throw UsageError(
        fmt::format("task {} predicts {}, others {}: results of different targets do not compare; make "
                    "one sweep of each",
                    row.index, of_row.target_names(), results.target_names()));
  for (std::size_t k = 0; k < found.size(); ++k)
    results.targets[k].rows.push_back({.row = &row, .metrics = found[k].second, .predictions = {}});
  read_predictions(file("predictions.tsv"), results.targets);
}

std::string cell_name(const Plan& plan, const jobs::ManifestRow& row) {
  std::vector<std::string> parts;
  if (plan.sweep.grids.size() > 1) parts.push_back(row.grid);
  for (std::size_t a = 0; a < plan.manifest.axes.size(); ++a)
    if (row.labels[a] != "-") parts.push_back(plan.manifest.axes[a] + "=" + row.labels[a]);
  return parts.empty() ? "all" : fmt::format("{}", fmt::join(parts, " "));
}

void fill_cells(const Plan& plan, TargetResults& results) {
  std::map<std::pair<std::string, std::vector<std::string>>, std::size_t> index;
  for (const jobs::ManifestRow& row : plan.manifest.rows) {
    const auto [found, is_new] = index.try_emplace({row.grid, row.labels}, results.cells.size());
    if (is_new) {
      CellResult& cell = results.cells.emplace_back();
      cell.name = cell_name(plan, row);
      cell.grid = row.grid;
      cell.labels = row.labels;
    }
    ++results.cells[found->second].planned;
  }
  for (const RowResult& row : results.rows) {
    CellResult& cell = results.cells[index.at({row.row->grid, row.row->labels})];
    ++cell.runs;
    cell.repeats[row.row->seed].insert(row.predictions.begin(), row.predictions.end());
  }
}

// Predictions of a model of `table`'s columns for the test participants of one run, fitted on its training part.
analysis::Repeat baseline_of(const analysis::ConfoundTable& table, const RowResult& row, const task::Split& split,
                             const std::map<std::string, double>& labels, task::Task task) {
  std::vector<std::vector<double>> x;
  std::vector<double> y;
  for (const std::string& id : split.of(task::Part::kTrain)) {
    const auto label = labels.find(id);
    if (label == labels.end()) continue;
    x.push_back(table.row(id));
    y.push_back(label->second);
  }
  if (x.empty()) return {};
  const analysis::LinearModel model(x, y, task);
  analysis::Repeat predictions;
  for (const auto& [id, scored] : row.predictions) predictions[id] = {scored.truth, model.predict(table.row(id))};
  return predictions;
}

void add_baselines(const Plan& plan, TargetResults& results) {
  std::vector<std::pair<std::string, std::vector<std::string>>> kinds{{"the mean", {}}};
  if (!plan.sweep.confounds.empty())
    kinds.emplace_back(fmt::format("{}", fmt::join(plan.sweep.confounds, ", ")), plan.sweep.confounds);
  const config::Config first = train_config(plan, *results.rows.front().row);
  const io::Cohort cohort(first.get<std::string>("data.cohort"));
  for (const auto& [name, columns] : kinds) {
    const analysis::ConfoundTable table(cohort, columns);
    CellResult& baseline = results.baselines.emplace_back();
    baseline.name = name;
    std::map<std::pair<std::int64_t, int>, bool> seen;  // one of each seed and fold is enough: their parts are the same
    for (const RowResult& row : results.rows) {
      if (!seen.try_emplace({row.row->seed, row.row->fold}, true).second) continue;
      const auto settings = train::TrainSettings::from_config(train_config(plan, *row.row), plan.sweep.resources.ranks);
      const auto labels =
          analysis::labels_of(settings.task, settings.split, settings.model.frames, cohort, results.target);
      const task::Split split = task::load_split(plan.run_dir(*row.row) / "split.json");
      const analysis::Repeat predicted = baseline_of(table, row, split, labels, results.task);
      baseline.repeats[row.row->seed].insert(predicted.begin(), predicted.end());
      ++baseline.runs;
    }
    baseline.planned = baseline.runs;
  }
}

// What 'brainmt baseline' left beside the runs, of each seed and fold that of the first run that has it. The mean is
// there already.
void add_connectivity(const Plan& plan, TargetResults& results) {
  const std::string part = evaluate_config(plan, *results.rows.front().row).get<std::string>("split");
  std::map<std::string, CellResult> by_name;
  std::set<std::tuple<std::string, std::int64_t, int>> seen;
  for (const RowResult& row : results.rows)
    for (const analysis::RunBaseline& one : analysis::baselines_of(plan.run_dir(*row.row), part)) {
      const auto predictions = one.targets.find(results.target);
      if (one.name == "mean" || predictions == one.targets.end()) continue;
      if (!seen.emplace(one.name, row.row->seed, row.row->fold).second) continue;
      CellResult& baseline = by_name[one.name];
      baseline.name = one.title;
      baseline.repeats[row.row->seed].insert(predictions->second.begin(), predictions->second.end());
      baseline.planned = ++baseline.runs;
    }
  for (auto& [name, baseline] : by_name) results.baselines.push_back(std::move(baseline));
  results.has_connectivity = !by_name.empty();
}

// The column whose groups the split keeps together, by participant.
analysis::Blocks blocks_of(const Plan& plan, const RowResult& row) {
  const std::string group = task::load_split(plan.run_dir(*row.row) / "split.json").plan.group;
  if (group.empty()) return {};
  return analysis::blocks_of(io::Cohort(train_config(plan, *row.row).get<std::string>("data.cohort")), group);
}

// The cell that differs in one axis alone, which has its first case there; null when that is the cell itself.
const CellResult* reference(const Plan& plan, const TargetResults& results, const CellResult& cell, std::size_t axis) {
  const auto grid = std::ranges::find(plan.sweep.grids, cell.grid, &jobs::Grid::name);
  const auto found = std::ranges::find(grid->axes, plan.manifest.axes[axis], &jobs::Axis::name);
  if (found == grid->axes.end() || cell.labels[axis] == found->cases.front().label) return nullptr;
  auto labels = cell.labels;
  labels[axis] = found->cases.front().label;
  for (const CellResult& other : results.cells)
    if (other.grid == cell.grid && other.labels == labels) return &other;
  return nullptr;
}

// The best cell beside the baselines: what must be said first where one of them is better.
void add_winner(TargetResults& results, const analysis::Resampling& resampling) {
  const double sign = analysis::larger_is_better(results.metric) ? 1 : -1;
  const CellResult* best = nullptr;
  for (const CellResult& cell : results.cells)
    if (std::isfinite(cell.estimate.value) &&
        (best == nullptr || sign * cell.estimate.value > sign * best->estimate.value))
      best = &cell;
  if (best == nullptr) return;
  std::vector<std::pair<std::string, analysis::Repeats>> baselines;
  for (const CellResult& baseline : results.baselines)
    if (std::isfinite(baseline.estimate.value)) baselines.emplace_back(baseline.name, baseline.repeats);
  results.winner = analysis::sentence_of_winner(
      analysis::score_baselines(best->repeats, baselines, results.metric, results.task, resampling),
      results.cells.size() > 1 ? fmt::format("the best setting ({})", best->name) : "the model", results.target,
      results.metric);
}

// Estimates and comparisons of what was read.
void summarise(const Plan& plan, TargetResults& results, const analysis::Resampling& resampling) {
  const auto compare = [&](const CellResult& cell, const CellResult& other) {
    return analysis::compare(cell.repeats, other.repeats, results.metric, results.task, resampling);
  };
  add_baselines(plan, results);
  add_connectivity(plan, results);
  for (CellResult& baseline : results.baselines)
    baseline.estimate = analysis::estimate(baseline.repeats, results.metric, results.task, resampling);
  for (CellResult& cell : results.cells) {
    if (cell.repeats.empty()) continue;
    cell.estimate = analysis::estimate(cell.repeats, results.metric, results.task, resampling);
    for (std::size_t axis = 0; axis < plan.manifest.axes.size(); ++axis)
      if (const CellResult* other = reference(plan, results, cell, axis); other != nullptr && !other->repeats.empty())
        cell.comparisons.push_back({plan.manifest.axes[axis] + "=" + other->labels[axis], compare(cell, *other)});
    // The correlation with a constant is undefined: no difference.
    for (const CellResult& baseline : results.baselines)
      if (std::isfinite(baseline.estimate.value)) cell.comparisons.push_back({baseline.name, compare(cell, baseline)});
  }
  add_winner(results, resampling);
}

}  // namespace

const RowResult* TargetResults::row(std::size_t index) const {
  const auto found = std::ranges::find(rows, index, [](const RowResult& one) { return one.row->index; });
  return found == rows.end() ? nullptr : &*found;
}

std::string Results::target_names() const {
  std::vector<std::string> names;
  for (const TargetResults& one : targets) names.push_back(one.target);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::vector<std::string> Results::metric_columns() const {
  std::vector<std::string> columns;
  for (const TargetResults& one : targets)
    for (const std::string& name : analysis::metric_names(one.task))
      if (std::ranges::find(columns, name) == columns.end()) columns.push_back(name);
  return columns;
}

std::vector<const TaskStatus*> Results::missing() const {
  std::vector<const TaskStatus*> all;
  for (const TaskStatus& task : states)
    if (task.outcome.state != jobs::State::kDone) all.push_back(&task);
  return all;
}

Results gather_results(const Plan& plan, const std::string& metric, const analysis::Resampling& resampling) {
  Results results;
  results.states = task_states(plan);
  for (const TaskStatus& task : results.states)
    if (task.outcome.state == jobs::State::kDone) read_row(plan, *task.row, results);
  const bool none_done = results.targets.empty();
  if (none_done) results.targets.emplace_back();
  const std::vector<std::string> known = results.metric_columns();
  if (!none_done && !metric.empty() && std::ranges::find(known, metric) == known.end())
    throw UsageError(fmt::format("metric={}: expected one of {}", metric, fmt::join(known, ", ")));
  analysis::Resampling in_blocks = resampling;
  if (!none_done) in_blocks.blocks = blocks_of(plan, results.targets.front().rows.front());
  for (TargetResults& target : results.targets) {
    fill_cells(plan, target);
    if (none_done) continue;
    const auto& names = analysis::metric_names(target.task);
    target.metric = std::ranges::find(names, metric) == names.end() ? names.front() : metric;
    summarise(plan, target, in_blocks);
  }
  return results;
}

}  // namespace brainmt::sweep

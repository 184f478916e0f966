// results.html of a sweep: summary, plots over every numeric axis, and all numbers.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/html.hpp"
#include "analysis/report_data.hpp"
#include "analysis/run_baselines.hpp"
#include "analysis/svg_plot.hpp"
#include "base/error.hpp"
#include "base/version.hpp"
#include "io/cohort.hpp"
#include "io/table.hpp"
#include "sweep/results.hpp"

namespace brainmt::sweep {
namespace {

using analysis::Table;

// "the mean" of the training part, in words for a page.
std::string shown_name(const CellResult& cell) {
  return cell.name == "the mean" ? "training mean, no scan" : cell.name;
}

// The one repetition time of the sweep's cohort where this axis is the length of the window in frames; else 0.
double seconds_of_a_frame(const Plan& plan, std::size_t axis) {
  for (const jobs::ManifestRow& row : plan.manifest.rows)
    if (row.labels[axis] != "-" &&
        std::ranges::find(row.settings, "model.num_frames=" + row.labels[axis]) == row.settings.end())
      return 0;
  try {
    const io::Cohort cohort(train_config(plan, plan.manifest.rows.front()).get<std::string>("data.cohort"));
    const double tr = cohort.scans().front().repetition_time;
    const bool one = std::ranges::all_of(cohort.scans(), [&](const auto& scan) { return scan.repetition_time == tr; });
    return one && tr > 0 ? tr : 0;
  } catch (const Error&) {  // the cohort is not there any more: frames it is
    return 0;
  }
}

// Cells that differ in one axis alone: a curve over it.
struct Curve {
  std::string name;
  std::vector<std::pair<double, const CellResult*>> points;
};

std::vector<Curve> curves_over(const Plan& plan, const TargetResults& results, std::size_t axis, double unit) {
  std::vector<Curve> curves;
  std::vector<std::pair<std::string, std::vector<std::string>>> keys;
  for (const CellResult& cell : results.cells) {
    const auto x = io::parse_number(cell.labels[axis]);
    if (!x || cell.repeats.empty()) continue;
    auto others = cell.labels;
    others[axis] = "-";
    const std::pair key{cell.grid, others};
    auto index = std::ranges::find(keys, key) - keys.begin();
    if (index == std::ssize(keys)) {
      keys.push_back(key);
      std::string name = plan.sweep.grids.size() > 1 ? cell.grid : "";
      for (std::size_t a = 0; a < others.size(); ++a)
        if (others[a] != "-") name += fmt::format("{}{}={}", name.empty() ? "" : " ", plan.manifest.axes[a], others[a]);
      curves.push_back({name, {}});
    }
    curves[static_cast<std::size_t>(index)].points.emplace_back(*x * unit, &cell);
  }
  std::erase_if(curves, [](const Curve& curve) { return curve.points.size() < 2; });
  for (Curve& curve : curves) std::ranges::sort(curve.points, {}, &std::pair<double, const CellResult*>::first);
  return curves;
}

// The metric of each seed.
std::vector<double> of_seeds(const TargetResults& results, const CellResult& cell) {
  std::vector<double> values;
  for (const auto& [seed, repeat] : cell.repeats) {
    std::vector<analysis::Scored> predictions;
    for (const auto& [id, one] : repeat) predictions.push_back(one);
    values.push_back(analysis::metric_value(results.metric, results.task, predictions));
  }
  return values;
}

analysis::Figure figure_of(const Plan& plan, const TargetResults& results, std::size_t axis,
                           const std::vector<Curve>& curves, double seconds) {
  std::vector<double> x, y;
  for (const Curve& curve : curves)
    for (const auto& [value, cell] : curve.points) {
      x.push_back(value);
      y.insert(y.end(), {cell->estimate.value, cell->estimate.low, cell->estimate.high});
      for (const double seed : of_seeds(results, *cell)) y.push_back(seed);
    }
  for (const CellResult& baseline : results.baselines) y.push_back(baseline.estimate.value);
  std::ranges::sort(x);
  x.erase(std::unique(x.begin(), x.end()), x.end());
  constexpr double kWideRange = 3.9;
  const bool log_x = x.front() > 0 && x.back() / x.front() >= kWideRange;
  const analysis::Range range_x = log_x ? analysis::Range{x.front() / 1.15, x.back() * 1.15} : analysis::range_of(x);
  const std::string& name = plan.manifest.axes[axis];
  const std::string x_label = seconds > 0 ? fmt::format("window, seconds ({} x {:.6g} s)", name, seconds) : name;
  const std::string metric = analysis::metric_label(results.metric);
  // The page has the title above the plot.
  analysis::SvgPlot plot(
      {.title = "", .note = "", .x_label = x_label, .y_label = fmt::format("{} of {}", metric, results.target)},
      range_x, analysis::range_of(y), {.width = 480, .height = 320, .log_x = log_x, .x_ticks = x});
  analysis::Figure figure{.title = fmt::format("{} by {}", metric, seconds > 0 ? "length of the window" : name),
                          .svg = {}};
  for (const CellResult& baseline : results.baselines) {
    const double value = baseline.estimate.value;
    if (!std::isfinite(value)) continue;
    const std::vector<analysis::SvgPlot::Point> line{{range_x.low, value}, {range_x.high, value}};
    plot.line(line, analysis::SvgPlot::Stroke::kReference);
  }
  for (std::size_t c = 0; c < curves.size(); ++c) {
    std::vector<analysis::SvgPlot::Point> line;
    // Curves are shifted slightly in x, so that their error bars do not overlap.
    const double shift = 0.012 * (static_cast<double>(c) - 0.5 * static_cast<double>(curves.size() - 1));
    for (const auto& [value, cell] : curves[c].points) {
      const double moved = log_x ? value * (1 + shift) : value + shift * (range_x.high - range_x.low);
      line.push_back({moved, cell->estimate.value});
      plot.error_bar(moved, cell->estimate.low, cell->estimate.high, c);
      for (const double seed : of_seeds(results, *cell)) plot.dot({moved, seed}, c);
    }
    plot.line(line, analysis::SvgPlot::Stroke::kCurve, c);
    if (curves.size() > 1) figure.legend.push_back({curves[c].name, c});
  }
  figure.svg = plot.document();
  figure.note = "Line: mean over seeds; dots: each seed. Bars: 95 % bootstrap intervals over the test participants.";
  std::string names;
  for (const CellResult& one : results.baselines)
    if (std::isfinite(one.estimate.value))
      names += fmt::format("{}{}, {}", names.empty() ? "" : "; ", shown_name(one), shown(one.estimate.value));
  if (!names.empty()) figure.note += fmt::format(" Dashed, without a scan: {}.", names);
  return figure;
}

Table cell_table(const TargetResults& results) {
  Table table{.columns = {{"setting"},
                          {analysis::metric_label(results.metric), Table::Align::kNumber},
                          {"95 % interval", Table::Align::kNumber},
                          {"participants", Table::Align::kNumber},
                          {"runs", Table::Align::kNumber}},
              .rows = {}};
  for (const auto* list : {&results.cells, &results.baselines})
    for (const CellResult& cell : *list) {
      table.rows.push_back({shown_name(cell), shown(cell.estimate.value), shown_interval(cell.estimate),
                            fmt::format("{}", cell.estimate.participants),
                            fmt::format("{} of {}", cell.runs, cell.planned)});
    }
  return table;
}

Table comparison_table(const TargetResults& results) {
  Table table{.columns = {{"setting"},
                          {"minus"},
                          {"difference", Table::Align::kNumber},
                          {"95 % interval", Table::Align::kNumber},
                          {"p", Table::Align::kNumber},
                          {"participants", Table::Align::kNumber}},
              .rows = {}};
  for (const CellResult& cell : results.cells)
    for (const CellComparison& one : cell.comparisons)
      table.rows.push_back({cell.name, one.with, shown(one.result.difference.value),
                            shown_interval(one.result.difference), shown_p(one.result.p),
                            fmt::format("{}", one.result.difference.participants)});
  return table;
}

// The column of errors is there when there are any.
Table task_table(const Plan& plan, const Results& results) {
  const std::vector<std::string> metrics = results.metric_columns();
  const bool errors = std::ranges::any_of(results.states, [](const TaskStatus& one) { return !one.error.empty(); });
  Table table{.columns = {{"index", Table::Align::kNumber}, {"task"}, {"state"}}, .rows = {}};
  if (errors) table.columns.push_back({"error"});
  if (results.has_several()) table.columns.push_back({"target"});
  for (const std::string& name : metrics) table.columns.push_back({name, Table::Align::kNumber});
  for (const TaskStatus& state : results.states)
    for (const TargetResults& target : results.targets) {
      std::vector<std::string> row{fmt::format("{}", state.row->index), plan.label(*state.row), state.shown};
      if (errors) row.push_back(state.error);
      if (results.has_several()) row.push_back(target.target);
      const RowResult* found = target.row(state.row->index);
      for (const std::string& name : metrics) {
        const bool has = found != nullptr && found->metrics.contains(name) && found->metrics[name].is_number();
        row.push_back(has ? shown(found->metrics[name].get<double>()) : "n/a");
      }
      table.rows.push_back(std::move(row));
    }
  return table;
}

// Plots, cells and differences of one target; `of` stands behind the titles where there are several.
void add_target(analysis::HtmlPage& page, const Plan& plan, const TargetResults& results, const std::string& of) {
  std::vector<analysis::Figure> figures;
  for (std::size_t axis = 0; axis < plan.manifest.axes.size(); ++axis) {
    const double seconds = seconds_of_a_frame(plan, axis);
    const auto curves = curves_over(plan, results, axis, seconds > 0 ? seconds : 1);
    if (!curves.empty()) figures.push_back(figure_of(plan, results, axis, curves, seconds));
  }
  if (!figures.empty()) {
    page.section("Over the axes" + of);
    page.figures(figures);
  }
  page.section("Every setting" + of,
               "Each is the mean over its seeds; the folds of a seed are pooled. Intervals resample the test "
               "participants, all their predictions together.");
  page.table(cell_table(results));
  page.section("Paired differences" + of,
               "Over the same test participants: each setting minus the first case of one of its axes, and minus the "
               "baselines. p is two-sided, by swaps of the two models' predictions, not corrected for the number of "
               "comparisons.");
  page.table(comparison_table(results));
}

// "classification of sex", or "classification of sex, regression of age".
std::string tasks_and_targets(const Results& results) {
  std::string text;
  for (const TargetResults& target : results.targets)
    text += fmt::format("{}{} of {}", text.empty() ? "" : ", ", task::name_of(target.task), target.target);
  return text;
}

}  // namespace

std::string results_page(const Plan& plan, const Results& results) {
  analysis::HtmlPage page(
      "Sweep " + plan.sweep.name,
      fmt::format("{}: {} tasks, {} of them done.", tasks_and_targets(results), results.states.size(), results.done()));
  for (const TargetResults& target : results.targets) {
    if (!target.winner.empty()) page.paragraph(target.winner);
    if (!target.has_connectivity) page.paragraph(analysis::how_to_make_baselines("RUN"));
  }
  for (const TargetResults& target : results.targets)
    add_target(page, plan, target, results.has_several() ? ": " + target.target : "");
  page.section("Tasks");
  page.folded_table("All tasks", task_table(plan, results));
  return page.document(fmt::format("brainmt {}", version()));
}

}  // namespace brainmt::sweep

#pragma once
// The results of a sweep as numbers, for each target of its runs: one entry a task, and for each cell of the grid its
// metric over seeds and folds, compared with other cells and with baselines without scans, always over the same test
// participants.
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/paired.hpp"
#include "analysis/shown_numbers.hpp"
#include "sweep/plan.hpp"
#include "sweep/status.hpp"

namespace brainmt::sweep {

/// One target of a row of the manifest that is done.
struct RowResult {
  const jobs::ManifestRow* row = nullptr;
  nlohmann::ordered_json metrics;  // metrics.json, or its entry of the target
  analysis::Repeat predictions;    // of the split that was evaluated
};

inline constexpr double kNotDefined = std::numeric_limits<double>::quiet_NaN();

struct CellComparison {
  std::string with;  // "frames=50", "the mean", "age, sex"
  analysis::Comparison result;
};

/// One cell of one grid, or a baseline (grid and labels empty).
struct CellResult {
  std::string name;  // "frames=100", or the baseline's
  std::string grid;
  std::vector<std::string> labels;
  std::size_t runs = 0, planned = 0;
  analysis::Repeats repeats;
  analysis::Estimate estimate{};
  std::vector<CellComparison> comparisons;
};

struct TargetResults {
  task::Task task = task::Task::kRegression;
  std::string target, metric;
  std::vector<RowResult> rows;    // those that are done
  std::vector<CellResult> cells;  // grids in order, cells in the order of the manifest
  // The mean; confounds where the sweep file names them; those of 'brainmt baseline' beside the runs.
  std::vector<CellResult> baselines;
  bool has_connectivity = false;  // some of the last
  std::string winner{};           // one sentence where a baseline scores better than every cell; empty: none does

  /// Null for a row that is not done.
  const RowResult* row(std::size_t index) const;
};

struct Results {
  std::vector<TaskStatus> states;      // one a row of the manifest
  std::vector<TargetResults> targets;  // in the order of the task; one without a name before any row is done

  bool has_several() const { return targets.size() > 1; }
  std::size_t done() const { return targets.front().rows.size(); }
  std::string target_names() const;                 // "sex, cognition"
  std::vector<std::string> metric_columns() const;  // of every target, each once
  std::vector<const TaskStatus*> missing() const;
};

/// Reads what is done. `metric` is that of the targets that have it; the others, and all where it is empty: auroc, or
/// pearson_r. Throws DataError for files that cannot be read, UsageError for a metric that no target has.
Results gather_results(const Plan& plan, const std::string& metric, const analysis::Resampling& resampling);

using analysis::shown;
using analysis::shown_interval;
using analysis::shown_p;

/// results.tsv: index, grid, axes, seed, fold, task, state, n_subjects, and each metric with its interval. Of several
/// targets: a row for each of them, and a column `target` after the state.
std::string results_table(const Plan& plan, const Results& results);
/// results.json: the same, and the summary of cells and baselines (version 1), or one summary a target under `targets`
/// (version 2).
nlohmann::ordered_json results_json(const Plan& plan, const Results& results);
/// results.html: summary, plots of the metric over every numeric axis, and all rows. Self-contained.
std::string results_page(const Plan& plan, const Results& results);

/// The action `collect`: writes the three files beside sweep.tsv and prints the summary. Throws DataError naming the
/// rows that are missing, after the files were written with what there is.
void collect(const config::Config& options, const Plan& plan);

}  // namespace brainmt::sweep

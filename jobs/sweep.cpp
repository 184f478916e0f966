#include "jobs/sweep.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace brainmt::jobs {
namespace {

constexpr std::size_t kNoFold = 1;  // one pass where there is no cross-validation

std::size_t cells_of(const Grid& grid) {
  std::size_t cells = 1;
  for (const Axis& axis : grid.axes) {
    cells *= axis.cases.size();
    if (cells > kMaxTasks) break;
  }
  return cells;
}

// The case of each axis in cell `cell`, the last axis fastest.
std::vector<const Case*> cases_of(const Grid& grid, std::size_t cell) {
  std::vector<const Case*> cases(grid.axes.size());
  for (std::size_t a = grid.axes.size(); a-- > 0;) {
    const std::vector<Case>& all = grid.axes[a].cases;
    cases[a] = &all[cell % all.size()];
    cell /= all.size();
  }
  return cases;
}

void append(std::vector<Setting>& settings, const std::vector<Setting>& more) {
  settings.insert(settings.end(), more.begin(), more.end());
}

Task task_of(const Sweep& sweep, const Grid& grid, std::size_t cell) {
  Task task;
  task.grid = grid.name;
  append(task.settings, sweep.settings);
  append(task.settings, grid.settings);
  const std::vector<const Case*> cases = cases_of(grid, cell);
  for (std::size_t a = 0; a < cases.size(); ++a) {
    task.labels.emplace_back(grid.axes[a].name, cases[a]->label);
    append(task.settings, cases[a]->settings);
  }
  return task;
}

}  // namespace

std::vector<Task> expand(const Sweep& sweep) {
  const std::size_t folds = sweep.folds > 0 ? static_cast<std::size_t>(sweep.folds) : kNoFold;
  std::vector<Task> tasks;
  for (const Grid& grid : sweep.grids) {
    const std::size_t cells = cells_of(grid);
    if (cells * folds * sweep.seeds.size() > kMaxTasks - tasks.size())
      throw UsageError(
          fmt::format("sweep {}: more than {} tasks; take fewer values, seeds or folds", sweep.name, kMaxTasks));
    for (std::size_t cell = 0; cell < cells; ++cell) {
      const Task plain = task_of(sweep, grid, cell);
      for (std::size_t fold = 0; fold < folds; ++fold) {
        for (const std::int64_t seed : sweep.seeds) {
          Task& task = tasks.emplace_back(plain);
          task.index = tasks.size() - 1;
          task.seed = seed;
          task.settings.push_back({"run.seed", fmt::format("{}", seed)});
          if (sweep.folds == 0) continue;
          task.fold = static_cast<int>(fold);
          append(task.settings,
                 {{"data.folds", fmt::format("{}", sweep.folds)}, {"data.fold", fmt::format("{}", fold)}});
        }
      }
    }
  }
  return tasks;
}

std::vector<std::string> axis_names(const Sweep& sweep) {
  std::vector<std::string> names;
  for (const Grid& grid : sweep.grids)
    for (const Axis& axis : grid.axes)
      if (std::ranges::find(names, axis.name) == names.end()) names.push_back(axis.name);
  return names;
}

}  // namespace brainmt::jobs

#pragma once
// A sweep: many runs of one program that differ in a few keys. The file is YAML:
//
//   name: context_length
//   config: train_ukb_sex            # base configuration: a name or a path, as for --config; may be absent
//   set: {data.cohort: ukb.h5}       # keys of every task
//   grids:                           # one or several; a task is one cell of one grid
//     - name: equal_windows
//       set: {run.epochs: 20}
//       axes:                        # crossed with each other
//         frames: {model.num_frames: [50, 100, 200]}                       # one key
//         size:   {model.embed_dim: [64, 128], model.num_heads: [1, 2]}    # zipped: same index in every list
//         stage:                                                           # named cases
//           - {label: full}
//           - {label: no_attention, model.depth: [12, 0]}
//   repeats: {seeds: [1, 2, 3], folds: 5}    # every cell is run for each seed and fold
//   evaluate: {split: test, bootstrap: 1000}
//   baselines: {confounds: [age, sex, mean_fd]}   # compared with a model of these columns
//   resources: {nodes: 1, ranks: 2, cpus: 1, gpus: 0, memory: 8G, time: 1:00:00, throttle: 4}
//
// Keys of a map may be nested or dotted. Keys are not checked here; resolving a task checks them. Every failure is a
// UsageError that names file and line.
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace brainmt::jobs {

/// One `key=value` as on a command line; lists are written [a,b].
struct Setting {
  std::string key, value;
  std::string text() const { return key + "=" + value; }
  bool operator==(const Setting&) const = default;
};

struct Case {
  std::string label;  // what tables and plots show: the value, or the name that the file gives it
  std::vector<Setting> settings;
};

struct Axis {
  std::string name;
  std::vector<Case> cases;  // at least one, labels differ
};

struct Grid {
  std::string name;
  std::vector<Setting> settings;
  std::vector<Axis> axes;
};

/// Resources of one task, in Slurm's notation.
struct Resources {
  int nodes = 1;
  int ranks = 1;  // of all nodes together
  int cpus = 1;   // a rank
  int gpus = 0;   // a rank
  std::string memory = "4G";
  std::string time = "1:00:00";
  int throttle = 0;  // tasks that may run at once; 0: no limit
};

struct Sweep {
  std::string name;
  std::string config;
  std::vector<Setting> settings;
  std::vector<Grid> grids;
  std::vector<std::int64_t> seeds;
  int folds = 0;  // 0: no cross-validation
  std::vector<Setting> evaluate;
  std::vector<std::string> confounds;
  Resources resources;
};

Sweep read_sweep(const std::filesystem::path& path);

/// One run of a sweep.
struct Task {
  std::size_t index = 0;
  std::string grid;
  std::vector<std::pair<std::string, std::string>> labels;  // (axis, label of its case), in the order of the axes
  std::int64_t seed = 0;
  int fold = -1;                  // -1: none
  std::vector<Setting> settings;  // those that come later overrule
};

/// Every cell of every grid, for each seed and fold, numbered from 0: grids in the order of the file, the last axis
/// fastest, then folds, then seeds. Throws UsageError beyond kMaxTasks.
inline constexpr std::size_t kMaxTasks = 100'000;
std::vector<Task> expand(const Sweep& sweep);

/// The axes of all grids in the order of their first appearance: the columns of a table of the tasks.
std::vector<std::string> axis_names(const Sweep& sweep);

}  // namespace brainmt::jobs

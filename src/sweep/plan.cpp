#include "sweep/plan.hpp"

#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "base/error.hpp"
#include "base/log.hpp"
#include "config/keys.hpp"
#include "io/atomic_file.hpp"
#include "io/checksum.hpp"
#include "jobs/slurm.hpp"
#include "run/given_keys.hpp"
#include "run/outputs.hpp"
#include "run/schemas.hpp"
#include "sweep/plan_check.hpp"

namespace brainmt::sweep {
namespace {

namespace fs = std::filesystem;

std::string sha256(const std::string& text) { return io::sha256(std::as_bytes(std::span(text))); }

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw DataError(fmt::format("{}: cannot be read", path.string()));
  return text;
}

std::vector<fs::path> sweep_directories() {
  std::vector<fs::path> all;
  for (const fs::path& directory : config::default_directories()) all.push_back(directory / "sweeps");
  return all;
}

// What the command line adds to every task.
std::vector<std::string> extra_settings(const config::Config& options) {
  auto extra = options.get<std::vector<std::string>>("set");
  if (const auto cohort = options.get<std::string>("data.cohort"); !cohort.empty())
    extra.push_back("data.cohort=" + cohort);
  return extra;
}

// Paths in settings are made absolute: a task may be started from another directory than it was planned in.
void append_absolute_paths(const config::Config& config, std::vector<std::string>& settings) {
  for (const char* key : {"data.cohort", "data.split_file"}) {
    const fs::path path = config.get<std::string>(key);
    if (!path.empty() && path.is_relative())
      settings.push_back(fmt::format("{}={}", key, fs::absolute(path).lexically_normal().string()));
  }
}

config::Config resolve_task(const std::string& base, const std::vector<std::string>& settings,
                            const fs::path& run_dir) {
  auto config = config::resolve(run::train_schema(),
                                {.file = base, .overrides = settings, .directories = config::default_directories()});
  config.set("run.dir", {.items = {run_dir.string()}, .is_list = false}, config::Origin::kOverride, "sweep");
  config.validate();
  return config;
}

jobs::ManifestRow row_of(const jobs::Task& task, const std::vector<std::string>& axes) {
  jobs::ManifestRow row{
      .index = task.index, .task = {}, .run_dir = {}, .grid = task.grid, .labels = {}, .settings = {}};
  for (const std::string& axis : axes) {
    const auto found = std::ranges::find(task.labels, axis, &std::pair<std::string, std::string>::first);
    row.labels.push_back(found == task.labels.end() ? "-" : found->second);
  }
  row.seed = task.seed;
  row.fold = task.fold;
  for (const jobs::Setting& setting : task.settings) row.settings.push_back(setting.text());
  return row;
}

// All errors of all tasks, equal ones together.
class Errors {
 public:
  void add(std::size_t task, const std::string& message) { tasks_[message].push_back(task), bad_.insert(task); }
  void report(const std::string& name, std::size_t tasks) const {
    if (bad_.empty()) return;
    for (const auto& [message, list] : tasks_)
      log::error("task{} {}: {}", list.size() > 1 ? "s" : "", jobs::compress(list), message);
    throw UsageError(fmt::format("sweep {}: {} of {} tasks cannot run (listed above); nothing was written or queued",
                                 name, bad_.size(), tasks));
  }

 private:
  std::map<std::string, std::vector<std::size_t>> tasks_;
  std::set<std::size_t> bad_;
};

// Only a folder that holds a plan already, or none of the files of one, becomes the folder of a sweep. `given`: the
// sweep file is another than the folder's own.
void check_out(const fs::path& out, bool given) {
  const auto there = [&](const char* name) { return fs::exists(fs::symlink_status(out / name)); };
  if (there("config.yaml") && there("provenance.json"))
    throw UsageError(fmt::format("out={}: a run of 'brainmt train' lies there: choose another folder", out.string()));
  const std::string kind = "part of a plan of 'brainmt sweep'";
  run::check_outputs({.files = {{"out", out / "plan.json", run::json_kind(kind, {"format", "tasks"})},
                                {"out", out / "sweep.tsv", run::text_kind(kind, "index\ttask\trun_dir\tgrid\t")}},
                      .folders = {{"out", out, {}}}});
  if (there("plan.json")) return;
  for (const char* name : {"base.yaml", "sweep.yaml"})
    if (there(name) && (given || std::string_view(name) != "sweep.yaml"))
      throw UsageError(fmt::format("out={}: the file there is not {}, and is not replaced: choose another folder",
                                   (out / name).string(), kind));
}

void write_plan(const Plan& plan, const fs::path& sweep_file, const std::string& base, const PlanCheck& check) {
  std::error_code error;
  fs::create_directories(plan.out / "runs", error);
  if (error) throw OutputError(fmt::format("out={}: cannot be made: {}", plan.out.string(), error.message()));
  io::write_atomically(plan.out / "plan.json", check.to_json(plan).dump(1) + "\n");  // first: the others are ours then
  if (!base.empty() && fs::absolute(base) != plan.out / "base.yaml")
    io::write_atomically(plan.out / "base.yaml", read_text(base));
  if (fs::absolute(sweep_file) != plan.out / "sweep.yaml")
    io::write_atomically(plan.out / "sweep.yaml", read_text(sweep_file));
  io::write_atomically(plan.out / "sweep.tsv", jobs::to_tsv(plan.manifest));  // last: it says that there is a plan
}

fs::path absolute_out(const fs::path& out) { return fs::absolute(out).lexically_normal(); }

std::string base_of(const Plan& plan) {
  return plan.sweep.config.empty() ? std::string() : (plan.out / "base.yaml").string();
}

}  // namespace

std::string Plan::label(const jobs::ManifestRow& row) const {
  std::string text = sweep.grids.size() > 1 ? row.grid + " " : "";
  for (std::size_t a = 0; a < manifest.axes.size(); ++a)
    if (row.labels[a] != "-") text += fmt::format("{}={} ", manifest.axes[a], row.labels[a]);
  text += fmt::format("seed={}", row.seed);
  return row.fold < 0 ? text : fmt::format("{} fold={}", text, row.fold);
}

std::vector<const jobs::ManifestRow*> Plan::distinct() const {
  std::vector<const jobs::ManifestRow*> rows;
  std::set<std::string> seen;
  for (const jobs::ManifestRow& row : manifest.rows)
    if (seen.insert(row.task).second) rows.push_back(&row);
  return rows;
}

Plan make_plan(const config::Config& options) {
  Plan plan{.out = absolute_out(options.get<std::string>("out")), .sweep = {}, .manifest = {}};
  const auto given = options.get<std::string>("sweep");
  const fs::path file =
      config::find_file(given.empty() ? (plan.out / "sweep.yaml").string() : given, sweep_directories(), "sweep");
  check_out(plan.out, fs::absolute(file).lexically_normal() != plan.out / "sweep.yaml");
  plan.sweep = jobs::read_sweep(file);
  const std::string base = plan.sweep.config.empty()
                               ? std::string()
                               : config::find_file(plan.sweep.config, config::default_directories(), "config").string();
  plan.manifest.axes = jobs::axis_names(plan.sweep);

  PlanCheck check(plan.sweep, options.get<double>("speed"));
  Errors errors;
  const std::vector<std::string> extra = extra_settings(options);
  for (const jobs::Task& task : jobs::expand(plan.sweep)) {
    jobs::ManifestRow& row = plan.manifest.rows.emplace_back(row_of(task, plan.manifest.axes));
    row.settings.insert(row.settings.end(), extra.begin(), extra.end());
    try {
      const auto config = resolve_task(base, row.settings, plan.out / "runs");
      append_absolute_paths(config, row.settings);
      row.task = check.add(resolve_task(base, row.settings, plan.out / "runs"));
      row.run_dir = "runs/" + row.task;
    } catch (const Error& error) {
      errors.add(row.index, error.what());
    }
  }
  errors.report(plan.sweep.name, plan.manifest.rows.size());
  // Throws when a key of evaluate is wrong, or says what a task decides otherwise.
  for (const jobs::ManifestRow& row : plan.manifest.rows)
    run::check_given(evaluate_config(plan, row), resolve_task(base, row.settings, plan.out / "runs"));
  write_plan(plan, file, base, check);
  check.print(plan);
  return plan;
}

Plan load_plan(const fs::path& out) {
  Plan plan{.out = absolute_out(out), .sweep = {}, .manifest = {}};
  const fs::path table = plan.out / "sweep.tsv";
  if (!fs::exists(table))
    throw UsageError(
        fmt::format("out={}: no sweep.tsv in it: run 'brainmt sweep plan sweep=FILE out=DIR' first", out.string()));
  plan.manifest = jobs::parse_manifest(read_text(table), table.string());
  plan.sweep = jobs::read_sweep(plan.out / "sweep.yaml");
  return plan;
}

config::Config train_config(const Plan& plan, const jobs::ManifestRow& row) {
  return resolve_task(base_of(plan), row.settings, plan.run_dir(row));
}

config::Config evaluate_config(const Plan& plan, const jobs::ManifestRow& row) {
  std::vector<std::string> settings;
  for (const jobs::Setting& setting : plan.sweep.evaluate) settings.push_back(setting.text());
  auto config = config::resolve(run::evaluate_schema(), {.file = {}, .overrides = settings, .directories = {}});
  config.set("run.dir", {.items = {plan.run_dir(row).string()}, .is_list = false}, config::Origin::kOverride, "sweep");
  config.validate();
  return config;
}

std::string task_name(const config::Config& train, const jobs::Sweep& sweep, const io::Cohort& cohort,
                      const std::string& data_sha256) {
  std::string text = train.identity() + data_sha256;
  for (const io::CohortScan& scan : cohort.scans())
    text += fmt::format("\n{} {} {} {}", scan.frames, scan.statistics.mean, scan.statistics.std, scan.statistics.fill);
  for (const jobs::Setting& setting : sweep.evaluate) text += "\n" + setting.text();
  text += fmt::format("\nranks={}", sweep.resources.ranks);
  if (const auto split = train.get<std::string>("data.split_file"); !split.empty())
    text += "\n" + io::sha256_of_file(split);
  return sha256(text).substr(0, 16);
}

}  // namespace brainmt::sweep

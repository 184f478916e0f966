#include "sweep/status.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <charconv>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/atomic_file.hpp"
#include "jobs/process.hpp"
#include "jobs/slurm.hpp"

namespace brainmt::sweep {
namespace {

namespace fs = std::filesystem;
using jobs::State;

constexpr double kSlurmSeconds = 60;  // a busy controller may take its time

std::string read_if_there(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Does a process hold the lock in this folder? A file system without locks over hosts says no for those elsewhere.
bool is_locked(const fs::path& directory) {
  const io::FileDescriptor file(::open((directory / "lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return false;
  const bool free = ::flock(file.get(), LOCK_SH | LOCK_NB) == 0;
  return !free;
}

void describe(TaskStatus& task) {
  const State state = task.outcome.state;
  task.shown = jobs::name_of(state);
  if (state == State::kDone) return;
  const bool waits = task.queue == "PENDING" || task.queue == "CONFIGURING" || task.queue.starts_with("REQUEUE");
  if (waits) {
    task.shown = state == State::kMissing ? "queued" : "requeued";
  } else if (task.alive) {
    task.shown = "running";
  } else if (state == State::kRunning) {
    task.shown = "failed";
    task.error = "ended without a word: killed, cancelled, or its node went down; 'submit' or 'run' continues it";
  } else if (state == State::kFailed) {
    task.error = task.outcome.error;
  }
}

nlohmann::ordered_json to_json(const Plan& plan, const std::vector<TaskStatus>& tasks,
                               const std::map<std::string, int>& counts) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const TaskStatus& t : tasks) {
    nlohmann::ordered_json row{{"index", t.row->index}, {"task", t.row->task}, {"grid", t.row->grid}};
    for (std::size_t a = 0; a < plan.manifest.axes.size(); ++a) row[plan.manifest.axes[a]] = t.row->labels[a];
    row.update({{"seed", t.row->seed},
                {"fold", t.row->fold},
                {"state", t.shown},
                {"queue", t.queue},
                {"step", t.outcome.step},
                {"attempts", t.outcome.attempts},
                {"exit_code", t.outcome.exit_code},
                {"where", t.outcome.where},
                {"error", t.error},
                {"run_dir", t.row->run_dir}});
    rows.push_back(std::move(row));
  }
  return {{"name", plan.sweep.name}, {"counts", counts}, {"tasks", std::move(rows)}};
}

}  // namespace

jobs::Outcome read_outcome(const fs::path& run_dir) {
  return jobs::parse_outcome(read_if_there(run_dir / "task.json")).value_or(jobs::Outcome{});
}

void write_outcome(const fs::path& run_dir, const jobs::Outcome& outcome) {
  io::write_atomically(run_dir / "task.json", jobs::to_json(outcome));
}

std::int64_t newest_step(const fs::path& run_dir) {
  constexpr std::string_view kPrefix = "step-";
  std::int64_t newest = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(run_dir / "checkpoints", ignored)) {
    const std::string name = entry.path().filename().string();
    std::int64_t step = 0;
    if (!name.starts_with(kPrefix)) continue;
    const char* end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + kPrefix.size(), end, step);
    if (parsed.ec == std::errc{} && parsed.ptr == end) newest = std::max(newest, step);
  }
  return newest;
}

fs::path lock_directory(const Plan& plan, const jobs::ManifestRow& row) { return plan.out / "locks" / row.task; }

std::vector<Submitted> read_submitted(const fs::path& out) {
  const std::string text = read_if_there(out / "jobs.json");
  if (text.empty()) return {};
  try {
    std::vector<Submitted> all;
    for (const auto& item : nlohmann::json::parse(text))
      all.push_back({item.at("job").get<std::string>(), item.at("tasks").get<std::vector<std::string>>()});
    return all;
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format("{}: cannot be read ({}): remove it when no job of this sweep is queued",
                                (out / "jobs.json").string(), error.what()));
  }
}

void append_submitted(const fs::path& out, const Submitted& one) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Submitted& before : read_submitted(out)) all.push_back({{"job", before.job}, {"tasks", before.tasks}});
  all.push_back({{"job", one.job}, {"tasks", one.tasks}});
  io::write_atomically(out / "jobs.json", all.dump(1) + "\n");
}

std::map<std::string, std::string> queue_states(const fs::path& out) {
  const std::vector<Submitted> submitted = read_submitted(out);
  if (submitted.empty()) return {};
  std::map<std::string, std::string> states;
  try {
    const auto result = jobs::run_process({"squeue", "--noheader", "--array", "--me", "--format=%F %K %T"},
                                          jobs::clean_environment(), kSlurmSeconds);
    if (result.exit_code != 0) throw CommError(fmt::format("squeue: {}", result.errors));
    const auto queue = jobs::parse_queue(result.output);
    for (const Submitted& one : submitted)
      for (std::size_t i = 0; i < one.tasks.size(); ++i)
        if (const auto found = queue.find({one.job, i}); found != queue.end()) states[one.tasks[i]] = found->second;
  } catch (const CommError& error) {
    log::warn("what Slurm knows is left out: {}", error.what());
  }
  return states;
}

std::vector<TaskStatus> task_states(const Plan& plan) {
  const auto queue = queue_states(plan.out);
  std::vector<TaskStatus> tasks;
  for (const jobs::ManifestRow& row : plan.manifest.rows) {
    TaskStatus& task = tasks.emplace_back();
    task.row = &row;
    task.outcome = read_outcome(plan.run_dir(row));
    if (const auto found = queue.find(row.task); found != queue.end()) task.queue = found->second;
    task.alive = !task.queue.empty() || is_locked(lock_directory(plan, row));
    describe(task);
  }
  return tasks;
}

void print_status(const Plan& plan, bool json) {
  const std::vector<TaskStatus> tasks = task_states(plan);
  std::map<std::string, int> counts;
  for (const TaskStatus& task : tasks) ++counts[task.shown];
  if (json) {
    fmt::print("{}\n", to_json(plan, tasks, counts).dump(1));
    return;
  }
  for (const TaskStatus& t : tasks)
    fmt::print("{:>5}  {:<11}  {:>7}  {}{}{}\n", t.row->index, t.shown,
               t.outcome.step > 0 ? fmt::format("{}", t.outcome.step) : "-", plan.label(*t.row),
               t.error.empty() ? "" : "  ", t.error);
  std::string summary;
  for (const auto& [state, count] : counts)
    summary += fmt::format("{}{} {}", summary.empty() ? "" : ", ", count, state);
  fmt::print("{}: {}\n", plan.sweep.name, summary);
}

}  // namespace brainmt::sweep

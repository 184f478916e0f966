#include "sweep/run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <thread>

#include "analysis/baseline_run.hpp"
#include "analysis/evaluate_run.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"
#include "base/unfinished.hpp"
#include "comm/agreement.hpp"
#include "io/directory_lock.hpp"
#include "jobs/process.hpp"
#include "sweep/status.hpp"
#include "train/trainer.hpp"

namespace brainmt::sweep {
namespace {

namespace fs = std::filesystem;
using jobs::ManifestRow;
using jobs::Outcome;
using jobs::State;

std::string host_and_task() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return "unknown host";
  std::string text = host.data();
  const char* job = std::getenv("SLURM_ARRAY_JOB_ID");
  const char* task = std::getenv("SLURM_ARRAY_TASK_ID");
  if (job != nullptr && task != nullptr) text += fmt::format(" {}_{}", job, task);
  return text;
}

void make_directory(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw OutputError(fmt::format("{}: cannot be made: {}", path.string(), error.message()));
}

// `sweep status` holds a lock for an instant while it looks whether it is free.
void take_lock(std::optional<io::DirectoryLock>& lock, const fs::path& directory) {
  constexpr int kTries = 5;
  constexpr std::chrono::milliseconds kPause{100};
  for (int left = kTries;; --left) {
    try {
      lock.emplace(directory, "out");
      return;
    } catch (const UsageError&) {
      if (left == 1) throw;
      std::this_thread::sleep_for(kPause);
    }
  }
}

// One start of a task. What is written is written by the rank that has something to say.
class TaskRun {
 public:
  TaskRun(const Program& program, const Plan& plan, const ManifestRow& row)
      : program_(program), comm_(program.comm), plan_(plan), row_(row), run_dir_(plan.run_dir(row)) {}

  ExitCode run() {
    check_ranks();
    comm::run_agreed(comm_, [&] {
      if (comm_.rank() == 0) begin();
    });
    comm::run_agreed(comm_, [&] { outcome_ = read_outcome(run_dir_); });
    if (outcome_.state == State::kDone) {
      if (comm_.rank() == 0) fmt::print("task {}: was done before ({})\n", row_.index, run_dir_.string());
      return ExitCode::kDone;
    }
    try {
      return work();
    } catch (const Error& error) {
      // Also a rank that fails alone: the others cannot speak for it.
      if (error.code() != ExitCode::kInterrupted) end(static_cast<int>(error.code()), error.what());
      throw;
    } catch (const std::exception& error) {
      end(static_cast<int>(ExitCode::kInternal), error.what());
      throw;
    }
  }

 private:
  void check_ranks() const {
    const int planned = plan_.sweep.resources.ranks;
    if (comm_.size() != planned)
      throw UsageError(
          fmt::format("the sweep was planned for {} ranks a task (resources.ranks), this program has {}: under Slurm, "
                      "does srun start them with MPI (--mpi=pmix)?",
                      planned, comm_.size()));
  }

  // Rank 0: the lock, then the record.
  void begin() {
    const fs::path locks = lock_directory(plan_, row_);
    make_directory(run_dir_);
    make_directory(locks);
    take_lock(lock_, locks);
    Outcome outcome = read_outcome(run_dir_);
    if (outcome.state == State::kDone) return;
    outcome.state = State::kRunning;
    outcome.task = row_.task;
    outcome.where = host_and_task();
    ++outcome.attempts;
    outcome.error.clear();
    write_outcome(run_dir_, outcome);
  }

  ExitCode work() {
    const config::Config config = train_config(plan_, row_);
    train::TrainSettings settings = train::TrainSettings::from_config(config, comm_.size());
    settings.stop_requested = stop_requested;
    settings.start.overrides = row_.settings;
    settings.start.libraries = program_.libraries;
    std::optional<io::Cohort> cohort;
    comm::run_agreed(comm_, [&] {
      cohort.emplace(config.get<std::string>("data.cohort"), io::ReadSettings::from_config(config, program_.mpi));
      check_unchanged(config, settings, *cohort);
    });
    if (train::train(settings, *cohort, comm_) == train::Outcome::kInterrupted) return interrupted();
    // An evaluation has no state to save: it is ended, and made from the start when the task is run again.
    on_stop(OnStop::kEnd, {.speaks = comm_.rank() == 0,
                           .exit_code = static_cast<int>(ExitCode::kInterrupted),
                           .has_other_ranks = comm_.size() > 1});
    analysis::evaluate_run(evaluate_config(plan_, row_), comm_, program_.mpi);
    if (config.get<bool>("with_baselines"))
      analysis::run_baselines_of(run_dir_.string(), config.get<std::string>("data.fc"), comm_,
                                 {.overrides = row_.settings, .libraries = program_.libraries});
    on_stop(OnStop::kSetFlag);
    end(0, "");
    if (comm_.rank() == 0) fmt::print("task {}: done ({})\n", row_.index, run_dir_.string());
    return ExitCode::kDone;
  }

  void check_unchanged(const config::Config& config, train::TrainSettings settings, const io::Cohort& cohort) const {
    settings.split.run_dir.clear();
    const auto estimate = train::estimate(settings, cohort, comm_.size());
    if (task_name(config, plan_.sweep, cohort, estimate.data_sha256) != row_.task)
      throw UsageError(
          fmt::format("task {}: cohort, base configuration or program changed since the sweep was planned: "
                      "plan it again ('brainmt sweep plan out={}')",
                      row_.index, plan_.out.string()));
  }

  ExitCode interrupted() {
    const Outcome after = end(static_cast<int>(ExitCode::kInterrupted), "");
    if (after.state == State::kFailed) throw ErrorOf<ExitCode::kUsage>(after.error);
    if (comm_.rank() == 0)
      fmt::print("task {}: interrupted at step {} after a complete checkpoint\n", row_.index, after.step);
    return ExitCode::kInterrupted;
  }

  // Rank 0 writes what all ranks know; a rank with an error of its own writes that. The result is the same on all ranks
  // that get it.
  Outcome end(int exit_code, const std::string& error) {
    const Outcome after = jobs::ended(outcome_, exit_code, error, newest_step(run_dir_));
    if (comm_.rank() == 0 || !error.empty()) write_outcome(run_dir_, after);
    return after;
  }

  const Program& program_;
  comm::Communicator& comm_;
  const Plan& plan_;
  const ManifestRow& row_;
  const fs::path run_dir_;
  std::optional<io::DirectoryLock> lock_;  // rank 0
  Outcome outcome_;                        // as this start wrote it
};

// Starts one task after the other and remembers how they ended.
class Supervisor {
 public:
  Supervisor(const config::Config& options, const Plan& plan) : plan_(plan) {
    std::error_code failed;
    program_ = fs::read_symlink("/proc/self/exe", failed).string();
    if (failed) throw InternalError(fmt::format("/proc/self/exe: {}", failed.message()));
    launcher_ = options.get<std::vector<std::string>>("launcher");
    if (launcher_.empty() && plan.sweep.resources.ranks > 1)
      throw UsageError("launcher: expected a program such as mpirun, because a task has several ranks");
  }

  ExitCode run() {
    on_stop(OnStop::kEndOnSecond);
    for (const ManifestRow* row : todo()) {
      const int code = run_one(*row);
      if (code == static_cast<int>(ExitCode::kInterrupted) && stop_requested()) return stopped();
      if (code != 0) record_failure(*row, code);
      if (stop_requested()) return stopped();
    }
    if (!failures_.empty())
      throw Error(first_code_, fmt::format("{} of {} tasks failed:{}", failed_, done_, failures_));
    fmt::print("sweep {}: {} tasks run, none failed\n", plan_.sweep.name, done_);
    return ExitCode::kDone;
  }

 private:
  std::vector<const ManifestRow*> todo() const {
    std::vector<const ManifestRow*> rows;
    const auto states = task_states(plan_);
    for (const ManifestRow* row : plan_.distinct()) {
      const TaskStatus& task = states[row->index];
      if (task.alive) log::warn("task {}: somebody works at it ({}); left alone", row->index, task.outcome.where);
      if (jobs::needs_run(task.outcome, task.alive)) rows.push_back(row);
    }
    return rows;
  }

  std::vector<std::string> command(const ManifestRow& row) const {
    std::vector<std::string> all;
    if (plan_.sweep.resources.ranks > 1) {
      all = launcher_;
      all.insert(all.end(), {"-n", fmt::format("{}", plan_.sweep.resources.ranks)});
    }
    all.insert(all.end(), {program_, "sweep", "run", "out=" + plan_.out.string(), fmt::format("index={}", row.index)});
    return all;
  }

  int run_one(const ManifestRow& row) {
    log::info("task {} of {}: {}", row.index, plan_.manifest.rows.size(), plan_.label(row));
    ++done_;
    jobs::ChildProcess child(command(row), jobs::clean_environment());
    const Unfinished running([&child] { child.end(); });
    constexpr double kLook = 0.2;
    bool told = false;
    for (;;) {
      if (const auto code = child.wait_for(kLook)) return *code;
      if (!stop_requested() || told) continue;
      log::info("stopping: task {} saves first", row.index);
      child.signal(SIGUSR1);  // a launcher passes this one on; SIGINT and SIGTERM would end its ranks at once
      told = true;
    }
  }

  void record_failure(const ManifestRow& row, int code) {
    Outcome outcome = read_outcome(plan_.run_dir(row));
    if (outcome.state == State::kRunning || outcome.state == State::kMissing) {
      // It did not get to say so itself.
      outcome = jobs::ended(outcome, code, fmt::format("ended with exit code {} and no word", code),
                            newest_step(plan_.run_dir(row)));
      make_directory(plan_.run_dir(row));
      write_outcome(plan_.run_dir(row), outcome);
    }
    if (failed_++ == 0) first_code_ = known_code(code);
    failures_ += fmt::format(" task {} (exit code {}: {});", row.index, code, outcome.error);
  }

  static ExitCode known_code(int code) {
    for (const ExitCode known : {ExitCode::kUsage, ExitCode::kData, ExitCode::kNonFinite, ExitCode::kComm,
                                 ExitCode::kOutput, ExitCode::kInternal, ExitCode::kInterrupted})
      if (static_cast<int>(known) == code) return known;
    return ExitCode::kComm;
  }

  ExitCode stopped() const {
    fmt::print("sweep {}: stopped; run the same command to continue\n", plan_.sweep.name);
    return ExitCode::kInterrupted;
  }

  const Plan& plan_;
  std::string program_;
  std::vector<std::string> launcher_;
  int done_ = 0, failed_ = 0;
  ExitCode first_code_ = ExitCode::kDone;
  std::string failures_;
};

}  // namespace

ExitCode run_task(const Program& program, const Plan& plan, const ManifestRow& row) {
  return TaskRun(program, plan, row).run();
}

ExitCode run_all(const config::Config& options, comm::Communicator& comm, const Plan& plan) {
  if (comm.size() > 1)
    throw UsageError("'sweep run' of all tasks is started without a launcher: it starts the ranks of each task itself");
  return Supervisor(options, plan).run();
}

const ManifestRow& chosen_row(const config::Config& options, const Plan& plan) {
  const auto& rows = plan.manifest.rows;
  if (!options.is_set("list")) {
    const auto index = static_cast<std::size_t>(options.get<std::int64_t>("index"));
    if (index >= rows.size())
      throw UsageError(fmt::format("index={}: the sweep has tasks 0 to {}", index, rows.size() - 1));
    return rows[index];
  }
  const auto path = options.get<std::string>("list");
  const auto line_number = options.get<std::int64_t>("place");
  std::ifstream in(path);
  std::string name;
  for (std::int64_t line = 0; line <= line_number; ++line)
    if (!std::getline(in, name)) throw UsageError(fmt::format("{}: no line {}, counted from 0", path, line_number));
  const auto found = std::ranges::find(rows, name, &ManifestRow::task);
  if (found == rows.end())
    throw UsageError(fmt::format("{} line {}: task '{}' is not in the plan any more: it was planned anew; submit again",
                                 path, line_number, name));
  return *found;
}

}  // namespace brainmt::sweep

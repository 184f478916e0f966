// Row 3 of the fault matrix: processes killed with SIGKILL at random moments of training and saving.
//
//   kill_trials BRAINMT MPIEXEC COHORT ALONE TWO [SEED]
//
// ALONE trials on one rank and TWO on two ranks (then one random rank, or the launcher, is killed). Trials of one run
// follow each other: each continues what the one before left, until the run ends; then it must have the bits of the run
// that nothing disturbed, and the next one begins. After every kill each checkpoint in place must be whole. Prints how
// many kills there were and where they fell; exits 1 at the first that left something wrong.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "run/checkpoint_files.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

[[noreturn]] void give_up(const std::string& what) {
  fmt::print(stderr, "FAILED: {}\n", what);
  std::exit(1);
}

struct Kills {
  int before_training = 0, in_a_save = 0, elsewhere = 0, runs = 0;
  int stuck_launchers = 0;  // of these kills
  int total() const { return before_training + in_a_save + elsewhere; }
};

class Trials {
 public:
  Trials(std::string brainmt, std::string mpiexec, std::string cohort, fs::path work, int ranks, unsigned seed)
      : brainmt_(std::move(brainmt)),
        mpiexec_(std::move(mpiexec)),
        cohort_(std::move(cohort)),
        work_(std::move(work)),
        ranks_(ranks),
        random_(seed) {
    const auto begin = Clock::now();
    expect_exit(start(work_ / "reference"), 0, "the undisturbed run");
    whole_run_ = Clock::now() - begin;
  }

  Kills run(int kills_wanted) {
    Kills kills;
    for (int number = 0; kills.total() < kills_wanted; ++number) {
      const fs::path run_dir = work_ / fmt::format("run-{}", number);
      while (kills.total() < kills_wanted && !ended_before_its_kill(run_dir, kills)) {
      }
      // Whatever the last kill left, the run can be finished, in the bits of the undisturbed one.
      expect_exit(start(run_dir), 0, "the run after its kills");
      expect_same_end(run_dir);
      ++kills.runs;
      fs::remove_all(run_dir);
    }
    return kills;
  }

 private:
  pid_t start(const fs::path& run_dir) const {
    std::vector<std::string> words;
    if (ranks_ > 1) words = {mpiexec_, "--oversubscribe", "-n", std::to_string(ranks_)};
    for (const std::string& word :
         {brainmt_, std::string("train"), std::string("model.depth=[1,1]"), std::string("model.embed_dim=16"),
          std::string("model.num_frames=4"), std::string("model.drop_path=0.2"), std::string("task=classification"),
          std::string("task.target=sex"), std::string("run.epochs=6"), std::string("run.global_batch=2"),
          fmt::format("run.batch_size={}", 2 / ranks_), std::string("checkpoint.every_steps=1"),
          std::string("data.split_fractions=[0.5,0.25,0.25]"), "data.cohort=" + cohort_, "run.dir=" + run_dir.string()})
      words.push_back(word);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string output = (work_ / "output").string();
    const pid_t child = ::fork();
    if (child != 0) return child;
    const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    _exit(127);
  }

  void expect_exit(pid_t child, int code, const char* what) const {
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == code) return;
    give_up(fmt::format("{} ended with status {:#x}:\n{}", what, status, test::read_file(work_ / "output")));
  }

  // The child itself, or with a launcher one of its children or itself.
  pid_t victim(pid_t child) {
    if (ranks_ == 1) return child;
    std::vector<pid_t> candidates{child};
    std::ifstream list(fmt::format("/proc/{0}/task/{0}/children", child));
    for (pid_t pid; list >> pid;) candidates.push_back(pid);
    // The launcher seldom: a rank is the interesting victim.
    const std::size_t first = candidates.size() > 1 && random_() % 4 != 0 ? 1 : 0;
    return candidates[first + random_() % (candidates.size() - first)];
  }

  bool ended_first(pid_t child, Seconds moment) const {
    const auto until = Clock::now() + moment;
    while (Clock::now() < until) {
      siginfo_t info{};
      if (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child)
        return true;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return false;
  }

  // Starts or continues the run and kills it at a random moment. Returns true when it ended by itself before that.
  bool ended_before_its_kill(const fs::path& run_dir, Kills& kills) {
    const pid_t child = start(run_dir);
    const Seconds moment = std::uniform_real_distribution<double>(0.0, 1.0)(random_) * whole_run_;
    if (ended_first(child, moment)) {
      expect_exit(child, 0, "a continued run");
      return true;
    }
    ::kill(victim(child), SIGKILL);
    if (ranks_ > 1) wait_for_job(child, run_dir, kills);
    ::waitpid(child, nullptr, 0);
    count(run_dir, kills);
    expect_whole_checkpoints(run_dir);
    return false;
  }

  // Of a process of /proc; empty when it has gone meanwhile, which a stream would throw for.
  static std::string command_line(const fs::path& process) {
    std::string line(1 << 16, '\0');
    const int file = ::open((process / "cmdline").c_str(), O_RDONLY | O_CLOEXEC);
    const ssize_t size = file < 0 ? 0 : ::read(file, line.data(), line.size());
    if (file >= 0) ::close(file);
    line.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return line;
  }

  bool a_rank_lives(const fs::path& run_dir) const {
    const std::string mark = "run.dir=" + run_dir.string();
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename().string();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string line = command_line(entry.path());
      if (line.find(mark) != std::string::npos && !line.starts_with(mpiexec_)) return true;
    }
    return false;
  }

  // After the death of a rank, or of the launcher, the other processes end by themselves in bounded time; until then
  // the lock of the run is theirs.
  void wait_for_job(pid_t launcher, const fs::path& run_dir, Kills& kills) const {
    const auto until = Clock::now() + std::chrono::seconds(10);
    while (a_rank_lives(run_dir)) {
      if (Clock::now() > until) give_up("a rank lives on for 10 s");
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    if (ended_first(launcher, until - Clock::now())) return;
    // A rank that dies while it says hello to the launcher of Open MPI 4.1 can leave that waiting for ever: not ours to
    // mend (docs/faults.md, row 1). It must not happen later.
    if (test::read_file(work_ / "output").find("info:") != std::string::npos)
      give_up("the launcher lives on for 10 s after the death of a rank");
    ::kill(launcher, SIGKILL);
    ++kills.stuck_launchers;
  }

  static void count(const fs::path& run_dir, Kills& kills) {
    bool half_written = false;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(run_dir / "checkpoints", none))
      half_written = half_written || entry.path().filename().string().find(".tmp-") != std::string::npos;
    const bool trained = !run::list_steps(run_dir / "checkpoints").empty();
    ++(half_written ? kills.in_a_save : trained ? kills.elsewhere : kills.before_training);
  }

  static void expect_whole_checkpoints(const fs::path& run_dir) {
    for (const std::int64_t step : run::list_steps(run_dir / "checkpoints")) {
      try {
        run::verify_checkpoint(run_dir / "checkpoints", step);
      } catch (const Error& error) {
        give_up(fmt::format("a kill left a broken checkpoint in place: {}", error.what()));
      }
    }
  }

  void expect_same_end(const fs::path& run_dir) const {
    const fs::path mine = run_dir / "checkpoints", theirs = work_ / "reference" / "checkpoints";
    const std::int64_t step = run::list_steps(theirs).back();
    for (const char* name : {run::kModelFile, run::kOptimizerFile, run::kStateFile}) {
      const std::string bytes = test::read_file(theirs / run::step_name(step) / name);
      if (bytes.empty() || bytes != test::read_file(mine / run::step_name(step) / name))
        give_up(fmt::format("{} of step {} is not the undisturbed run's", name, step));
    }
  }

  std::string brainmt_, mpiexec_, cohort_;
  fs::path work_;
  int ranks_;
  std::mt19937 random_;
  Seconds whole_run_{};
};

int run_trials(const std::vector<std::string>& words) {
  const unsigned seed = words.size() > 6 ? static_cast<unsigned>(std::stoul(words[6])) : std::random_device{}();
  fmt::print("seed {}\n", seed);
  for (const int ranks : {1, 2}) {
    const int wanted = std::stoi(words[static_cast<std::size_t>(3 + ranks)]);
    if (wanted == 0) continue;
    const test::TemporaryDirectory work;
    const auto begin = Clock::now();
    const Kills kills = Trials(words[1], words[2], words[3], work.path(), ranks, seed).run(wanted);
    fmt::print(
        "{} rank{}: {} kills in {:.0f} s: {} before the first checkpoint, {} with a save half written, {} between "
        "saves; every checkpoint in place was whole, {} runs ended in the undisturbed bits\n",
        ranks, ranks == 1 ? "" : "s", kills.total(), Seconds(Clock::now() - begin).count(), kills.before_training,
        kills.in_a_save, kills.elsewhere, kills.runs);
    if (kills.stuck_launchers > 0)
      fmt::print("{} times a rank died while MPI started, and the launcher had to be killed after 10 s\n",
                 kills.stuck_launchers);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace brainmt

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  if (argc < 6) brainmt::give_up("usage: kill_trials BRAINMT MPIEXEC COHORT ALONE TWO [SEED]");
  return brainmt::run_trials(words);
}

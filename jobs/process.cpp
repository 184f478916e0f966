#include "jobs/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>

#include "base/error.hpp"

extern char** environ;

namespace brainmt::jobs {
namespace {

using Clock = std::chrono::steady_clock;

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) throw CommError("no pipe for another program: too many open files?");
  }
  ~Pipe() {
    for (int& end : ends_) shut(end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_read() { shut(ends_[0]); }
  void close_write() { shut(ends_[1]); }

 private:
  static void shut(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  std::array<int, 2> ends_{-1, -1};
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));  // POSIX lacks the const
  all.push_back(nullptr);
  return all;
}

class FileActions {
 public:
  FileActions(const Pipe& output, const Pipe& errors) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output.write_end(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, errors.write_end(), STDERR_FILENO);
  }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

// Reads both pipes until they end; returns false when the deadline comes first.
bool drain(Pipe& output, Pipe& errors, ProcessResult& result, Clock::time_point deadline) {
  const auto read_some = [](int fd, std::string& text) {
    std::array<char, 4096> buffer;
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
    return got > 0 || (got < 0 && errno == EINTR);
  };
  while (output.read_end() >= 0 || errors.read_end() >= 0) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    std::array<pollfd, 2> waiting{{{output.read_end(), POLLIN, 0}, {errors.read_end(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), static_cast<int>(std::min<std::int64_t>(left, 1000))) <= 0) continue;
    if (waiting[0].revents != 0 && !read_some(output.read_end(), result.output)) output.close_read();
    if (waiting[1].revents != 0 && !read_some(errors.read_end(), result.errors)) errors.close_read();
  }
  return true;
}

[[noreturn]] void cannot_start(const std::string& name, int failed) {
  throw CommError(fmt::format("cannot start '{}': {}; is it installed and in PATH?", name,
                              std::generic_category().message(failed)));
}

int code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

std::vector<std::string> clean_environment() {
  constexpr std::array<std::string_view, 7> kLeaking{"SLURM_", "PMIX_", "PMI_", "OMPI_", "PRTE_", "SRUN_", "ORTE_"};
  constexpr std::array<std::string_view, 4> kKept{"SLURM_CONF=", "OMPI_ALLOW_", "OMPI_MCA_", "PRTE_MCA_"};
  // Set by Open MPI itself in a program that was started without a launcher.
  constexpr std::array<std::string_view, 5> kSingleton{"OMPI_MCA_ess", "OMPI_MCA_orte_ess", "OMPI_MCA_orte_launch=",
                                                       "OMPI_MCA_orte_precondition_transports=", "OMPI_MCA_pmix="};
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto begins = [&](std::string_view prefix) { return text.starts_with(prefix); };
    const bool leaks = std::ranges::any_of(kLeaking, begins) && std::ranges::none_of(kKept, begins);
    if (leaks || std::ranges::any_of(kSingleton, begins)) continue;
    kept.emplace_back(text);
  }
  return kept;
}

ProcessResult run_process(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                          double timeout_seconds) {
  BRAINMT_CHECK(!arguments.empty(), "a program needs a name");
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout_seconds));
  Pipe output, errors;
  const FileActions actions(output, errors);
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, arguments.front().c_str(), actions.get(), nullptr,
                                    pointers(arguments).data(), pointers(environment).data());
  if (failed != 0) cannot_start(arguments.front(), failed);
  output.close_write();
  errors.close_write();
  ProcessResult result;
  const bool ended = drain(output, errors, result, deadline);
  if (!ended) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended)
    throw CommError(fmt::format("'{}' gave no answer within {} s and was ended", arguments.front(), timeout_seconds));
  result.exit_code = code_of(status);
  return result;
}

ChildProcess::ChildProcess(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  BRAINMT_CHECK(!arguments.empty(), "a program needs a name");
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  const int failed = ::posix_spawnp(&pid_, arguments.front().c_str(), nullptr, &attributes, pointers(arguments).data(),
                                    pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) cannot_start(arguments.front(), failed);
}

ChildProcess::~ChildProcess() {
  if (exit_code_) return;
  ::kill(-pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

void ChildProcess::signal(int number) const {
  if (!exit_code_) ::kill(pid_, number);
}

void ChildProcess::end() const {
  constexpr std::chrono::milliseconds kAsked{700};  // for a launcher to end its ranks
  ::kill(-pid_, SIGTERM);
  std::this_thread::sleep_for(kAsked);
  ::kill(-pid_, SIGKILL);
}

std::optional<int> ChildProcess::wait_for(double seconds) {
  constexpr std::chrono::milliseconds kPoll{20};
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  while (!exit_code_) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_code_ = code_of(status);
    } else if (Clock::now() >= deadline) {
      break;
    } else {
      std::this_thread::sleep_for(kPoll);
    }
  }
  return exit_code_;
}

}  // namespace brainmt::jobs

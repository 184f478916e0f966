#include "base/signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/unfinished.hpp"

namespace brainmt {
namespace {

// Process-wide, as signals are. Lock-free, hence safe to touch in a handler. Holds the signal's number; -1 when the
// stop was asked for by request_stop().
std::atomic<int> stop_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);

// Arguments of the last on_stop(), and the pipe that wakes the terminating thread; -1: not started.
std::atomic<OnStop> stop_action{OnStop::kSetFlag};
std::atomic<bool> stop_speaks{true};
std::atomic<bool> stop_continues{false};
std::atomic<int> stop_exit_code{-1};  // -1: 128 + signal
std::atomic<bool> stop_waits{false};
std::atomic<int> wake_pipe{-1};

constexpr std::array<std::pair<int, const char*>, 4> kStopSignals{
    {{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"}}};

const char* name_of(int number) {
  for (const auto& [known, name] : kStopSignals) {
    if (number == known) return name;
  }
  return number == 0 ? "" : "a request";
}

bool ends_the_process(int number) { return number == SIGINT || number == SIGTERM || stop_exit_code >= 0; }

int exit_code_of(int number) {
  constexpr int kShellOffset = 128;
  return stop_exit_code >= 0 ? stop_exit_code.load() : kShellOffset + (number > 0 ? number : SIGTERM);
}

void wake(int number) {
  const auto byte = static_cast<char>(number);
  if (wake_pipe >= 0) [[maybe_unused]]
    const ssize_t written = ::write(wake_pipe, &byte, 1);
}

extern "C" void on_stop_signal(int number) {
  const int saved = errno;
  const int earlier = stop_signal.exchange(number);
  const OnStop action = stop_action;
  if (action == OnStop::kSetFlag) {
    if (number == SIGINT && earlier == SIGINT) {
      std::signal(SIGINT, SIG_DFL);
      std::raise(SIGINT);
    }
  } else if (ends_the_process(number) && (action == OnStop::kEnd || earlier != 0)) {
    wake(number);
  }
  errno = saved;
}

extern "C" void on_ending_takes_long(int) { ::_exit(exit_code_of(stop_signal)); }

// A launcher's signal and the terminal's may arrive together: the line is printed once.
[[noreturn]] void end_process(int number) {
  // Removing must not keep the process alive: not on a file system that hangs, nor when asked a second time.
  constexpr unsigned kMaxSeconds = 1;
  constexpr std::chrono::milliseconds kPatience{500}, kForOtherRanks{400};
  std::signal(SIGALRM, on_ending_takes_long);
  ::alarm(kMaxSeconds);
  if (stop_speaks) {
    const std::string line =
        fmt::format("{}brainmt: {}: stopping; press again to end at once{}\n", ::isatty(STDERR_FILENO) != 0 ? "\n" : "",
                    name_of(number), stop_continues ? "; the same command continues with what is done" : "");
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  }
  remove_unfinished(kPatience);
  if (stop_waits) std::this_thread::sleep_for(kForOtherRanks);
  ::_exit(exit_code_of(number));
}

void wait_for_the_end(int pipe) {
  char number = 0;
  ssize_t got = 0;
  do {
    got = ::read(pipe, &number, 1);
  } while (got != 1 && errno == EINTR);
  if (got == 1) end_process(number);
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;  // interrupted reads and writes resume: the run stops at a step boundary
  sigemptyset(&action.sa_mask);
  for (const auto& [number, name] : kStopSignals) sigaction(number, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

void hold_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) == -1 && errno == EBADF && ::open("/dev/null", O_RDWR) != fd) std::abort();
  }
}

bool stop_requested() noexcept { return stop_signal.load(std::memory_order_relaxed) != 0; }

const char* stop_reason() noexcept { return name_of(stop_signal.load(std::memory_order_relaxed)); }

void request_stop(bool requested) noexcept { stop_signal.store(requested ? -1 : 0); }

void on_stop(OnStop action, Ending ending) {
  if (action != OnStop::kSetFlag && wake_pipe < 0) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw InternalError("no pipe for signals: too many open files?");
    std::thread(wait_for_the_end, ends[0]).detach();
    wake_pipe = ends[1];
  }
  stop_speaks = ending.speaks;
  stop_continues = ending.continues;
  stop_exit_code = ending.exit_code.value_or(-1);
  stop_waits = ending.has_other_ranks;
  stop_action = action;
  if (action == OnStop::kEnd && stop_requested()) wake(stop_signal);
}

}  // namespace brainmt

#include "base/signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

namespace brainmt {
namespace {

// Process-wide, as signals are. Lock-free, hence safe to touch in a handler. Holds the signal's number; -1 when the
// stop was asked for by request_stop().
std::atomic<int> stop_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);

constexpr std::array<std::pair<int, const char*>, 4> kStopSignals{
    {{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"}}};

extern "C" void on_stop_signal(int number) {
  const int earlier = stop_signal.exchange(number);
  if (number == SIGINT && earlier == SIGINT) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;  // reads and writes under way go on: the stop comes at a step boundary
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

const char* stop_reason() noexcept {
  const int received = stop_signal.load(std::memory_order_relaxed);
  for (const auto& [number, name] : kStopSignals) {
    if (number == received) return name;
  }
  return received == 0 ? "" : "a request";
}

void request_stop(bool requested) noexcept { stop_signal.store(requested ? -1 : 0); }

}  // namespace brainmt

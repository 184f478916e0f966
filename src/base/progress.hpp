#pragma once
// Progress of a long task on stderr: a bar that redraws itself on a terminal, otherwise one plain log line per
// interval, so that batch logs stay short. Only the rank that reports (usually 0) makes one.
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace brainmt {

/// "steps  123/400  31%  4.1/s  eta 1:07  loss 0.41": rate and estimate appear once something is done; a total of 0
/// means that it is not known. `bar_width` > 0 puts a bar of that many characters before the numbers.
std::string progress_line(std::string_view what, std::int64_t done, std::int64_t total, double seconds,
                          std::string_view note = {}, int bar_width = 0);

/// "0:07", "12:40", "3:05:09".
std::string format_duration(double seconds);

class Progress {
 public:
  /// `what` is the counted thing, in the plural ("scans"). A disabled one prints nothing.
  Progress(std::string what, std::int64_t total, bool enabled = true);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Leaves a terminal on a fresh line.
  ~Progress();

  /// Call as often as wanted: prints at most every tenth of a second on a terminal, else every half minute.
  void update(std::int64_t done, std::string_view note = {});
  /// Prints the last state.
  void finish(std::string_view note = {});

 private:
  using Clock = std::chrono::steady_clock;
  void print(std::string_view note);

  std::string what_;
  std::int64_t total_, done_ = 0;
  bool enabled_, terminal_, drawn_ = false;
  Clock::time_point start_, next_;
  Clock::duration interval_;
};

}  // namespace brainmt

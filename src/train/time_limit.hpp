#pragma once
// When a run must stop by itself: before run.max_seconds are over, and before the scheduler takes the nodes away. Slurm
// says when that is in SLURM_JOB_END_TIME (seconds since 1970); where its version does not set it, the batch script
// can.
#include <chrono>
#include <optional>
#include <string>

namespace brainmt::train {

class TimeLimit {
 public:
  using Clock = std::chrono::steady_clock;

  /// Seconds from now until SLURM_JOB_END_TIME; none when it is not set. A value that is no time, or is over already,
  /// is a warning and counts as not set.
  static std::optional<double> seconds_left_by_slurm();

  /// `max_seconds` from `start` (0: no limit); `slurm_seconds` from now, of which the last `margin` are kept free.
  TimeLimit(Clock::time_point start, double max_seconds, std::optional<double> slurm_seconds, double margin);

  /// True when `reserve` more seconds of work would not end in time.
  bool is_near(double reserve) const;
  /// The rule, for the log; empty without a limit.
  const std::string& rule() const { return rule_; }

 private:
  std::optional<Clock::time_point> deadline_;
  std::string rule_;
};

}  // namespace brainmt::train

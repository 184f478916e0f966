#pragma once
// When a run must stop by itself: before run.max_seconds are over, and before the scheduler takes the nodes away. Slurm
// says when that is in SLURM_JOB_END_TIME (seconds since 1970); where its version does not set it, the batch script
// can.
#include <chrono>
#include <optional>
#include <string>

#include "config/config.hpp"

namespace brainmt::train {

struct TimeLimitSettings {
  double max_seconds = 0;  // stop before this much time has passed since train() was called; 0: no limit
  double margin = 60;      // seconds to keep free before the job's end that Slurm names

  static TimeLimitSettings from_config(const config::Config& config) {
    return {.max_seconds = config.get<double>("run.max_seconds"), .margin = config.get<double>("run.stop_margin")};
  }
};

class TimeLimit {
 public:
  using Clock = std::chrono::steady_clock;

  /// Seconds from now until SLURM_JOB_END_TIME; none when it is not set. A value that is no time, or is over already,
  /// is a warning and counts as not set.
  static std::optional<double> seconds_left_by_slurm();

  /// max_seconds from `start`; `slurm_seconds` from now, of which the last are kept free.
  TimeLimit(const TimeLimitSettings& settings, Clock::time_point start, std::optional<double> slurm_seconds);

  /// True when `reserve` more seconds of work would not end in time.
  bool is_near(double reserve) const;
  /// The rule, for the log; empty without a limit.
  const std::string& rule() const { return rule_; }

 private:
  std::optional<Clock::time_point> deadline_;
  std::string rule_;
};

}  // namespace brainmt::train

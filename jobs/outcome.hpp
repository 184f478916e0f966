#pragma once
// State of a task, read from task.json in its run directory, and whether to run it again.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace brainmt::jobs {

enum class State {
  kMissing,      // never started
  kRunning,      // started, no end recorded
  kInterrupted,  // stopped after a complete checkpoint: continues when it is run again
  kFailed,       // ended with an error
  kDone          // trained and evaluated
};
std::string_view name_of(State state);

/// task.json. Written when a task starts and when it ends.
struct Outcome {
  State state = State::kMissing;
  std::string task = {};   // hash of the manifest row
  std::string where = {};  // host and Slurm task, for people
  int attempts = 0;        // starts so far
  int exit_code = 0;       // of the last end
  std::string error = {};  // its line, when it failed
  std::int64_t step = 0;   // optimiser steps when it last ended
  int no_progress = 0;     // interruptions in a row without a further step
};

std::string to_json(const Outcome& outcome);
/// Nothing when the text is not such a record: then the task counts as never started.
std::optional<Outcome> parse_outcome(std::string_view json);

/// Interruptions in a row that gained no step, after which a task is not requeued any more.
inline constexpr int kMaxWithoutProgress = 2;

/// `before` with the end of a start added: counts progress, and turns a third interruption without progress into a
/// failure.
Outcome ended(Outcome before, int exit_code, std::string error, std::int64_t step);

/// Does `submit` run the task (again)? Running tasks are not resubmitted, unless no job runs them.
bool needs_run(const Outcome& outcome, bool alive);

}  // namespace brainmt::jobs

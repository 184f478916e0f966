#pragma once
// A step by stage: time, work and rates, against limits measured in the same run.
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "profile/recorder.hpp"

namespace brainmt::bench {

struct StageTable {
  profile::Profile step;                    // one step of one rank
  double limit_flops = 0, limit_bytes = 0;  // of that rank, per second: a large GEMM, a large copy
  double seconds_without = 0;               // the same step with no Recorder

  /// Seconds of the step outside every stage.
  double not_covered() const { return step.seconds - step.covered(); }
  double covered_share() const { return step.covered() / step.seconds; }

  std::string table() const;
  nlohmann::json json() const;
};

}  // namespace brainmt::bench

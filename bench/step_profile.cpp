#include "bench/step_profile.hpp"

#include <fmt/format.h>

#include <chrono>
#include <limits>

#include "bench/limits.hpp"

namespace brainmt::bench {
namespace {

// A step ends when the slowest rank has ended; this rank's profile of the fastest one is kept.
profile::Profile fastest_profile(Stepper& stepper, comm::Communicator& comm, int repeats) {
  profile::Profile fastest;
  double min_seconds = std::numeric_limits<double>::infinity();
  for (int i = 0; i < repeats; ++i) {
    comm.barrier();
    const profile::Recorder recorder;
    stepper.run();
    const profile::Profile profile = recorder.totals();
    const double seconds = comm::all_reduce_value(comm, profile.seconds, comm::ReduceOp::kMax);
    if (seconds >= min_seconds) continue;
    min_seconds = seconds;
    fastest = profile;
  }
  return fastest;
}

}  // namespace

void add_profile(Report& report, Stepper& stepper, comm::Communicator& comm, int repeats, double limit_flops,
                 double seconds) {
  const double without = best_of(stepper, comm, repeats).seconds;
  StageTable table{fastest_profile(stepper, comm, repeats), limit_flops, 0, without};
  comm.barrier();  // ranks share the memory's bandwidth, so they measure it together
  table.limit_bytes = copy_limit(seconds);
  report.lines.push_back(
      fmt::format("rank 0's step by stage: {:.1f} ms in stages + {:.1f} ms not covered = {:.1f} ms, {:.1f} % covered; "
                  "the same without a profile {:.1f} ms",
                  table.step.covered() * 1e3, table.not_covered() * 1e3, table.step.seconds * 1e3,
                  100 * table.covered_share(), without * 1e3));
  report.lines.push_back(fmt::format(
      "limits of one rank: {:.0f} GFLOP/s in a large GEMM, {:.1f} GB/s read and written in a large copy{}",
      limit_flops * 1e-9, table.limit_bytes * 1e-9,
      !profile::Recorder::waits_for_device() ? "" : "; stages wait for the device, so none runs beside another"));
  report.values.emplace_back("profile_covered_share", table.covered_share());
  report.values.emplace_back("profile_slowdown", table.step.seconds / without);
  report.stages = table;
}

}  // namespace brainmt::bench

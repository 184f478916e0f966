#pragma once
// `brainmt bench step --profile`: time of a step by stage.
#include "bench/report.hpp"
#include "bench/stepper.hpp"

namespace brainmt::bench {

/// Profiles steps of a `stepper` that has run before and adds the fastest of `repeats`, as this rank saw it, to the
/// report. `limit_flops` is the rate of this rank alone in a large GEMM. Collective.
void add_profile(Report& report, Stepper& stepper, comm::Communicator& comm, int repeats, double limit_flops,
                 double seconds);

}  // namespace brainmt::bench

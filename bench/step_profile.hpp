#pragma once
// `brainmt bench step --profile`: where the time of a step goes.
#include "bench/report.hpp"
#include "bench/stepper.hpp"

namespace brainmt::bench {

/// Profiles steps of a `stepper` that has run before and adds the fastest of `repeats`, as this rank saw it, to the
/// report. `limit_flops` is what this rank alone reached in a large product. Collective.
void add_profile(Report& report, Stepper& stepper, comm::Communicator& comm, int repeats, double limit_flops,
                 double seconds);

}  // namespace brainmt::bench

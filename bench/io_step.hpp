#pragma once
// Training steps with their windows from a store against the same steps on a batch that lies in memory.
#include "bench/report.hpp"
#include "comm/communicator.hpp"
#include "config/config.hpp"

namespace brainmt::bench {

/// Collective. Adds rows and lines to `report`.
void compare_steps(Report& report, const config::Config& config, comm::Communicator& comm);

}  // namespace brainmt::bench

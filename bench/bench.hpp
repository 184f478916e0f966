#pragma once
// The benchmarks of `brainmt bench NAME`. Every benchmark declares the floating-point operations and bytes of its work,
// so that a time becomes a rate and a fraction of the limit measured in the same run. Collective over `comm`; the
// report is rank 0's.
#include "bench/report.hpp"
#include "comm/communicator.hpp"
#include "config/config.hpp"

namespace brainmt::bench {

using Benchmark = Report (*)(const config::Config& config, comm::Communicator& comm);

Report gemm(const config::Config& config, comm::Communicator& comm);
Report conv3d(const config::Config& config, comm::Communicator& comm);
Report scan(const config::Config& config, comm::Communicator& comm);
Report attention(const config::Config& config, comm::Communicator& comm);
Report prepare_scans(const config::Config& config, comm::Communicator& comm);
Report step(const config::Config& config, comm::Communicator& comm);
Report io(const config::Config& config, comm::Communicator& comm);
Report baseline(const config::Config& config, comm::Communicator& comm);
Report parcellate(const config::Config& config, comm::Communicator& comm);
Report cohort(const config::Config& config, comm::Communicator& comm);

struct NamedBenchmark {
  const char* name;
  const char* summary;
  Benchmark run;
};
const std::vector<NamedBenchmark>& all_benchmarks();

/// Keys of `brainmt bench`.
const config::Schema& schema();

}  // namespace brainmt::bench

#pragma once
// `brainmt evaluate` as a function of its configuration.
#include <mpi.h>

#include "comm/communicator.hpp"
#include "config/config.hpp"

namespace brainmt::analysis {

/// Collective. Predicts and scores a split with a run's weights, or with any weights file; `config` is of
/// evaluate_schema(). Writes predictions.tsv, metrics.json and a plot, and prints the metrics. Throws what
/// base/error.hpp lists. `mpi`: the same ranks, for HDF5.
void evaluate_run(const config::Config& config, comm::Communicator& comm, MPI_Comm mpi);

}  // namespace brainmt::analysis

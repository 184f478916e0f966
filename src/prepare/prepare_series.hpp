#pragma once
// Tables of parcel series -> one parcel cohort, by all ranks of a communicator. The steps are those of prepare.hpp, but
// for these:
//
//   2. the columns of some hundred tables are read; the most common set of names, in the order of the first table that
//      has it, becomes the cohort's. A label table (config.labels) names and describes them
//   3. each table is read once: put in order, censored, resampled where asked, and staged as float32
//
// Values are stored as they are. A parcel without a value in all frames is NaN; frames without a value in all parcels
// are left out, as those of censor_fd. Memory: one table a rank.
#include "prepare/prepare.hpp"

namespace brainmt::prepare {

/// As prepare().
PrepareSummary prepare_series(const PrepareConfig& config, MPI_Comm comm, const Progress& progress);

}  // namespace brainmt::prepare

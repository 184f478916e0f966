#pragma once
// Writes a synthetic cohort: the scans (or tables of parcel series) of every subject and the table, named as config.layout has them.
#include <functional>

#include "synth/config.hpp"

namespace brainmt::synth {

/// Called after each subject that this rank wrote, with how many of its share are done.
using Progress = std::function<void(int done, int share)>;

/// Makes the share of `rank` among `ranks` (every ranks-th subject); rank 0 also writes the table. No communication,
/// and the files do not depend on `ranks`. Throws UsageError or OutputError.
void generate_cohort(const SynthConfig& config, int rank, int ranks, const Progress& progress = {});

}  // namespace brainmt::synth

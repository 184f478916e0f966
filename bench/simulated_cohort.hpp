#pragma once
// Cohorts made for a measurement: the sizes are real, the content is noise.
#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "io/cohort_layout.hpp"

namespace brainmt::bench {

struct SimulatedCohort {
  io::CohortGrid grid;
  double in_mask = 0.25;  // part of the grid in the mask, an ellipsoid in its middle; up to a half
  std::size_t scans = 1;
  std::uint64_t frames = 1;    // of a scan
  std::size_t first_scan = 0;  // number of the first, for shards of one cohort
};

/// Writes the cohort from this process. Each scan is a participant of its own; the column `sex` is 0 and 1 in turn.
/// Throws OutputError.
void write_simulated_cohort(const std::filesystem::path& path, const SimulatedCohort& cohort);

}  // namespace brainmt::bench

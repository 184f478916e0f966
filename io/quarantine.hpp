#pragma once
// The list of damaged scans beside a cohort, `<cohort>.quarantine.tsv`. Scans on it are not used, so one damaged scan
// does not make the cohort unusable. `brainmt inspect --verify --quarantine` writes it. Columns: participant_id, run,
// source, frame (the first damaged one), reason.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/cohort_layout.hpp"

namespace brainmt::io {

struct DamagedScan {
  std::size_t scan = 0;
  std::uint64_t frame = 0;
  std::string reason;
};

std::filesystem::path quarantine_file(const std::filesystem::path& cohort);

/// Replaces the list; an empty one is removed. Throws OutputError.
void write_quarantine(const std::filesystem::path& cohort, const std::vector<CohortScan>& scans,
                      const std::vector<DamagedScan>& damaged);

/// For each scan whether the list names it; without a list, none. Throws DataError naming file and line when the list
/// is no table of these columns or names a scan (participant and source) that the cohort does not have.
std::vector<bool> read_quarantine(const std::filesystem::path& cohort, const std::vector<CohortScan>& scans);

}  // namespace brainmt::io

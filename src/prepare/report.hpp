#pragma once
// The report of a prepare: one line a scan, used or why not.
#include <filesystem>
#include <vector>

#include "prepare/scan_list.hpp"

namespace brainmt::prepare {

/// `<output without extension>.report.tsv`.
std::filesystem::path report_path(const std::filesystem::path& output);

/// Writes participant_id, file, status (used, bad, unlisted, overlooked), frames and repetition_time (as stored),
/// reason, run, mean_fd (mm, n/a), censored (frames left out), seconds (that the scan took now), mask (its file, or
/// nonzero), nan_voxels and the counts of io::ScanQuality. Throws OutputError.
void write_report(const std::filesystem::path& path, const std::vector<ScanEntry>& scans);

}  // namespace brainmt::prepare

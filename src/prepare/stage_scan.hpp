#pragma once
// Two copies of a scan: file -> staging area (normalised), and staging area -> cohort. The file is inflated once;
// memory: a few frames.
#include <filesystem>
#include <functional>
#include <string>

#include "io/cohort_writer.hpp"
#include "parcels/scan_parcels.hpp"
#include "prepare/frame_plan.hpp"
#include "prepare/space.hpp"
#include "prepare/spill.hpp"
#include "prepare/stage_times.hpp"
#include "prepare/staged_scan.hpp"

namespace brainmt::prepare {

struct ScanTask {
  std::filesystem::path path;    // of the scan
  std::filesystem::path target;  // of the staged file
  std::string identity;
  HeaderRow header;  // as read in the inventory; a difference now means that the file changed
  FramePlan plan;
  std::filesystem::path mask = {};                // of the brain; empty: none
  const parcels::GridParcels* parcels = nullptr;  // on the cohort's grid: stage these instead of voxels
};

/// Throws DataError when the scan cannot be used, OutputError. `on_frame` is called after each frame of the file.
StagedHeader stage_scan(const ScanTask& task, const Processing& processing, Spill& spill, StageTimes& times,
                        const std::function<void()>& on_frame);

/// What stage_scan() has kept of a scan with parcels; not thresholded. Throws DataError (the staged file).
parcels::ScanParcels staged_parcels(const StagedScan& scan);

/// Writes a staged scan as scan `index` of the cohort, whose mask is `voxels` ([Y, X, Z], ascending, the scan's own
/// mask within it): its own voxels at their indices, the fill value to all others. `on_block` is called after each of a
/// few megabytes. Throws DataError (the staged file), OutputError.
void copy_scan(const StagedScan& scan, const std::vector<std::uint32_t>& voxels, io::CohortWriter& writer,
               std::size_t index, const std::function<void()>& on_block);

}  // namespace brainmt::prepare

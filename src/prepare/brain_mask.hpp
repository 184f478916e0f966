#pragma once
// Masks of the brain that lie beside scans: which file belongs to a scan, and its voxels.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "prepare/scan_list.hpp"
#include "prepare/space.hpp"

namespace brainmt::prepare {

/// mask=: of each scan, "auto": the mask that its pipeline left beside it, if there is one; "nonzero": none; else the
/// path of a mask, relative to the input directory or absolute, with {subject} and {run} for those of the scan. Throws
/// UsageError: another word in braces.
void choose_mask(ScanEntry& scan, const std::string& choice, const ListSettings& settings);

/// One flag a voxel of the scan's file, X fastest: 1 where the mask is above zero. Throws DataError: unreadable,
/// another grid or affine than the scan, more than one frame, no voxel in it.
std::vector<std::uint8_t> read_mask(const std::filesystem::path& path, const HeaderRow& scan);

}  // namespace brainmt::prepare

#pragma once
// Inside of scan_list.hpp: one finder a layout. Each looks into the folders that its layout names and nowhere else, and
// returns what it found in any order; list_scans() checks ids, links and repetitions for all of them.
#include <vector>

#include "prepare/scan_list.hpp"

namespace brainmt::prepare::layouts {

std::vector<ScanEntry> find_flat(const ListSettings& settings);
std::vector<ScanEntry> find_ukb(const ListSettings& settings);
std::vector<ScanEntry> find_hcp(const ListSettings& settings);
/// Chooses one space of the pipeline's output for the whole cohort, and logs which.
std::vector<ScanEntry> find_bids(const ListSettings& settings);
std::vector<ScanEntry> find_by_pattern(const ListSettings& settings);

/// A scan at `file`, not yet checked.
ScanEntry scan_at(std::string participant_id, std::string run, std::string file);

/// Does the name of a file end as that of a NIfTI scan, .nii or .nii.gz in any case? CIFTI (.dtseries.nii) is none.
bool is_nifti(std::string_view file);
/// `file`, which is_nifti(), without that ending.
std::string without_nifti(std::string_view file);

}  // namespace brainmt::prepare::layouts

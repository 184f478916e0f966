#pragma once
// Internal to scan_list.hpp: one finder per layout. Each searches only the folders that its layout names and returns
// entries in any order; list_scans() checks ids, links and duplicates.
#include <vector>

#include "prepare/scan_list.hpp"

namespace brainmt::prepare::layouts {

std::vector<ScanEntry> find_flat(const ListSettings& settings);
std::vector<ScanEntry> find_ukb(const ListSettings& settings);
std::vector<ScanEntry> find_hcp(const ListSettings& settings);
/// Chooses one space of the pipeline's output for the whole cohort, and logs which.
std::vector<ScanEntry> find_bids(const ListSettings& settings);
/// Tables of parcel series. Chooses one atlas and space for the whole cohort, and logs which.
std::vector<ScanEntry> find_tables(const ListSettings& settings);
std::vector<ScanEntry> find_by_pattern(const ListSettings& settings);

/// A scan at `file`, not yet checked.
ScanEntry scan_at(std::string participant_id, std::string run, std::string file);
/// A file or folder that may be a scan but that the layout does not read.
ScanEntry overlooked(std::string participant_id, std::string file, std::string reason);
/// Makes it an overlooked one of which another form is read.
void second_copy(ScanEntry& entry);
/// What a .zip is that could not be opened with this `error`.
std::string archive_fault(const std::filesystem::path& path, std::string error);
/// The first file of another format in a folder below the input whose name begins with `stem`; else the folder itself,
/// "folder without a scan".
ScanEntry overlooked_in(const ListSettings& settings, std::string participant_id, const std::string& folder,
                        std::string_view stem);
/// Four digits in a row or more, as in the identifiers of UK Biobank and HCP, and not in `logs`.
bool may_be_participant(std::string_view folder);

/// Does the name of a file end as that of a NIfTI scan, .nii, .nii.gz, .img or .img.gz in any case? CIFTI
/// (.dtseries.nii) is none, and neither is a copy (`sub-01 (1).nii.gz`).
bool is_nifti(std::string_view file);
/// The same, with its other half where it is one of a pair. `beside`: the names in its folder, sorted.
bool is_scan(std::string_view file, const std::vector<std::string>& beside);
/// `file` without that ending.
std::string without_nifti(std::string_view file);

}  // namespace brainmt::prepare::layouts

#pragma once
// Parcels as BIDS derivatives, text files that people and other programs read:
//
//   dataset_description.json   atlas-<label>_dseg.{nii.gz,tsv,json}        the labels on the data's grid
//   sub-<id>/[ses-<s>/]func/sub-<id>[_ses-<s>]_task-<t>[...]_space-<s>_atlas-<label>_stat-mean_timeseries.{tsv,json}
//                                                                   ..._stat-coverage_bold.{tsv,json}
//
// Series: names of the parcels in the first row, no index, n/a where a parcel is not covered. Entities come from the
// cohort's `run` (ses-1_run-2); another text there becomes acq-. Coverage: columns Node and coverage.
#include <mpi.h>

#include <filesystem>
#include <string>

#include "parcels/image_parcels.hpp"
#include "parcels/parcellate.hpp"

namespace brainmt::parcels {

/// Collective: the scans of a cohort of voxels to the folder `out`, each file atomically. Not for shards.
ParcellateSummary parcellate_to_bids(const ParcellateSettings& settings, const io::Cohort& cohort,
                                     const std::filesystem::path& out, MPI_Comm comm, const Progress& progress = {});

/// One NIfTI image, without a cohort, to the folder `out`: of a 4-D scan the two tables above, named after the image; of
/// a 3-D map `<name>_atlas-<label>_stat-<stat>_map.tsv` with a row a parcel. Not collective. Throws UsageError where a
/// file of such a name is there that this did not write.
ParcellateSummary parcellate_image(const ParcellateSettings& settings, const std::filesystem::path& image,
                                   const std::filesystem::path& out);

/// True for a folder that the scans of a cohort may be written to: missing, empty, or made by this before.
bool is_own_folder(const std::filesystem::path& folder);

/// `sub-01[_ses-1]_task-rest[...]` of a scan of a cohort.
std::string bids_stem(const io::CohortScan& scan);

}  // namespace brainmt::parcels

#pragma once
// A cohort of parcels from the series of its scans, which any rank can give: from voxels, from tables, or made.
#include <mpi.h>

#include <filesystem>
#include <functional>
#include <string>

#include "io/cohort_layout.hpp"
#include "parcels/scan_parcels.hpp"

namespace brainmt::parcels {

/// Gives a scan of the layout, thresholded. Called once for each, on one rank; from there `poke` is called now and then
/// while it takes long, so that other ranks get their next scan.
using SeriesOf = std::function<ScanParcels(std::size_t scan, const std::function<void()>& poke)>;
/// After each scan of this rank: how many scans all ranks have taken, of how many.
using Progress = std::function<void(std::size_t taken, std::size_t scans)>;

/// Collective: hands scans [0, scans) out to the ranks, one by one, and `take`s what `series_of` gives for each. Throws
/// the error of the lowest rank that failed on every rank; the others stop after their scan.
void for_each_scan(MPI_Comm comm, std::size_t scans, const SeriesOf& series_of,
                   const std::function<void(std::size_t scan, const ScanParcels&)>& take,
                   const Progress& progress = {});

/// Collective: writes the cohort `layout`, whose `parcels` name the columns, to `target`; the same layout on every rank.
/// `scans[s].statistics` are stored as given. Bytes do not depend on the number of ranks; memory is one scan's series a
/// rank. Throws on every rank DataError (of a scan; too many parcels missing, see MissingParcels) or OutputError; then
/// there is no file but the one that was there before.
MissingParcels write_parcel_cohort(MPI_Comm comm, const std::filesystem::path& target, const io::CohortLayout& layout,
                                   const SeriesOf& series_of, double max_missing, const Progress& progress = {});

/// The layout of parcels of a cohort of voxels: its scans and phenotypes, and `options` (a JSON object as text) as the
/// member `parcellate` of `processing`.
io::CohortLayout parcel_layout(const io::CohortDescription& voxels, const io::ParcelTable& parcels,
                               const std::string& options);

}  // namespace brainmt::parcels

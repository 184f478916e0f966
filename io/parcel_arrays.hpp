#pragma once
// The arrays and attributes that a parcel cohort has instead of /mask and /affine (docs/cohort-format.md).
#include "io/hdf5_reader.hpp"
#include "io/parcel_table.hpp"
#include "io/shared_hdf5.hpp"

namespace brainmt::io {

/// Collective: the table, written by rank 0.
void store_parcels(SharedHdf5& file, const ParcelTable& parcels);

/// Checked. Throws DataError.
ParcelTable read_parcels(const Hdf5Reader& file, const std::filesystem::path& path);

/// Of `scans` scans. Throws DataError: extents, shares outside 0 to 1.
ParcelCoverage read_parcel_coverage(const Hdf5Reader& file, const std::filesystem::path& path, std::size_t scans,
                                    std::size_t parcels);

}  // namespace brainmt::io

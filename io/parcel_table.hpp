#pragma once
// The parcels of a cohort whose frames are the mean series of an atlas' parcels, and what each scan has of them.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace brainmt::io {

/// One entry a parcel, in the order of the columns of /frames. P parcels.
struct ParcelTable {
  std::vector<std::int32_t> index;                     // label in the atlas, 1 to 65,535, each once
  std::vector<std::string> name, network, hemisphere;  // empty text: not known
  std::vector<std::array<double, 3>> centroid;         // mm, RAS+; NaN: not known
  std::string atlas, atlas_sha256, table_sha256;       // name; hashes of the image's and the table's file, or empty
  std::string space;                                   // template, as MNI152NLin6Asym; empty: not known
  double min_coverage = 0;                             // a parcel of less coverage in a scan is NaN there

  std::size_t size() const { return index.size(); }
};

/// Of each scan and parcel, [S, P].
struct ParcelCoverage {
  std::vector<std::uint32_t> voxels;  // of the scan's grid that the values are made of; 0: none, or not known
  std::vector<double> share;          // of the parcel that the scan covers, 0 to 1; NaN: not known
};

/// Throws DataError that begins with `where`: no parcel or more than 65,536, columns of unequal length, labels that are
/// out of range or occur twice, texts that are too long, a threshold outside 0 to 1.
void check_parcels(const ParcelTable& parcels, const std::string& where);

/// Whether two tables stand for the same columns: what differs, in words, or "".
std::string parcel_difference(const ParcelTable& a, const ParcelTable& b);

}  // namespace brainmt::io

#pragma once
// A small cohort of parcels whose every value follows from its indices.
#include <mpi.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "cohort_fixture.hpp"

namespace brainmt::io::test {

/// The scans and phenotypes of small_layout() with five parcels.
inline CohortLayout small_parcel_layout() {
  CohortLayout layout = small_layout();
  layout.grid = {};
  layout.affine = {};
  layout.voxels.clear();
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  layout.parcels =
      ParcelTable{.index = {3, 1, 2001, 40, 65535},
                  .name = {"LH_Vis_1", "LH_Vis_2", "RH_Default_1", "RH_Köln", "Thalamus"},
                  .network = {"Vis", "Vis", "Default", "", ""},
                  .hemisphere = {"L", "L", "R", "R", ""},
                  .centroid = {{-20, -80, 4}, {-22.5, -70, 6}, {31, 40, 20}, {unknown, unknown, unknown}, {0, -12, 8}},
                  .atlas = "Small",
                  .atlas_sha256 = std::string(64, 'a'),
                  .table_sha256 = std::string(64, 'b'),
                  .space = "MNI152NLin6Asym",
                  .min_coverage = 0.5};
  return layout;
}

/// Parcel 3 is not covered in scan 1.
inline std::vector<float> small_series(const CohortLayout& layout, std::size_t scan, std::uint64_t first,
                                       std::uint64_t count) {
  std::vector<float> values;
  for (std::uint64_t f = first; f < first + count; ++f)
    for (std::size_t p = 0; p < layout.parcels->size(); ++p)
      values.push_back(scan == 1 && p == 3
                           ? std::numeric_limits<float>::quiet_NaN()
                           : static_cast<float>(scan) * 100 + static_cast<float>(f) + static_cast<float>(p) / 8);
  return values;
}

inline std::vector<std::uint32_t> small_parcel_voxels(std::size_t scan) {
  const auto s = static_cast<std::uint32_t>(scan);
  return {10 + s, 20 + s, 30 + s, scan == 1 ? 2u : 40u + s, 50 + s};
}

inline std::vector<double> small_parcel_coverage(std::size_t scan) {
  const double s = static_cast<double>(scan) / 100;
  return {1.0, 0.9 - s, 0.8 - s, scan == 1 ? 0.1 : 0.7 - s, 0.6 - s};
}

/// Collective: writes the cohort, scan s by rank s modulo the number of ranks, in two pieces.
inline void write_small_parcels(MPI_Comm comm, const std::filesystem::path& path,
                                const CohortLayout& layout = small_parcel_layout()) {
  int rank = 0, ranks = 1;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  CohortWriter writer(comm, path, layout);
  for (std::size_t s = static_cast<std::size_t>(rank); s < layout.scans.size(); s += static_cast<std::size_t>(ranks)) {
    writer.write_series(s, 2, small_series(layout, s, 2, layout.scans[s].frames - 2));
    writer.write_series(s, 0, small_series(layout, s, 0, 2));
    writer.set_parcel_coverage(s, small_parcel_voxels(s), small_parcel_coverage(s));
    writer.set_scan_statistics(s, small_statistics(s));
  }
  writer.commit();
}

/// Bit for bit, as NaN is a value here.
inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(std::as_bytes(std::span(a)), std::as_bytes(std::span(b)));
}

}  // namespace brainmt::io::test

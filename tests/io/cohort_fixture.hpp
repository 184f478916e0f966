#pragma once
// A small cohort whose every value follows from its indices, so that readers can be checked against a formula.
#include <mpi.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "io/cohort_writer.hpp"
#include "io/float16.hpp"

namespace brainmt::io::test {

/// Three scans of 7, 4 and 9 frames on a 3x4x5 grid whose mask is every voxel with (x + 2 y + 3 z) % 4 != 0.
inline CohortLayout small_layout() {
  CohortLayout layout;
  layout.grid = {3, 4, 5};
  layout.affine = {-2, 0, 0, 90, 0, 2, 0, -126, 0, 0, 2, -72, 0, 0, 0, 1};
  for (std::uint32_t y = 0; y < 4; ++y) {
    for (std::uint32_t x = 0; x < 3; ++x) {
      for (std::uint32_t z = 0; z < 5; ++z) {
        if ((x + 2 * y + 3 * z) % 4 != 0) layout.voxels.push_back((y * 3 + x) * 5 + z);
      }
    }
  }
  layout.normalization = "zscore";
  layout.provenance = "cohort fixture";
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  layout.scans = {{"sub-01", "sub-01/bold.nii.gz", 7, 0.735},
                  {"sub-02", "sub-02/bold.nii.gz", 4, 0.735},
                  {"sub-03", "sub-03/bold.nii.gz", 9, 1.0}};
  layout.phenotypes = {{"age", std::vector<double>{51, unknown, 63.5}},
                       {"site", std::vector<std::string>{"Köln", "", "B"}}};
  return layout;
}

/// Bits of the packed value; exact in float16.
inline std::uint16_t small_value(std::size_t scan, std::uint64_t frame, std::size_t voxel) {
  return float_to_half(static_cast<float>(scan) * 512 + static_cast<float>(frame) * 48 + static_cast<float>(voxel));
}

inline std::vector<std::uint16_t> small_frames(const CohortLayout& layout, std::size_t scan, std::uint64_t first,
                                               std::uint64_t count) {
  std::vector<std::uint16_t> values;
  for (std::uint64_t f = first; f < first + count; ++f) {
    for (std::size_t v = 0; v < layout.voxels.size(); ++v) values.push_back(small_value(scan, f, v));
  }
  return values;
}

inline ScanStatistics small_statistics(std::size_t scan) {
  return {100.0 + static_cast<double>(scan), 1.0 / (3.0 + static_cast<double>(scan)),
          float_to_half(-2.5f - static_cast<float>(scan))};
}

/// Collective: writes the small cohort, scan s by rank s modulo the number of ranks, in two pieces.
inline void write_small_cohort(MPI_Comm comm, const std::filesystem::path& path) {
  int rank = 0, ranks = 1;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  const CohortLayout layout = small_layout();
  CohortWriter writer(comm, path, layout);
  for (std::size_t s = static_cast<std::size_t>(rank); s < layout.scans.size(); s += static_cast<std::size_t>(ranks)) {
    writer.write_frames(s, 2, small_frames(layout, s, 2, layout.scans[s].frames - 2));
    writer.write_frames(s, 0, small_frames(layout, s, 0, 2));
    writer.set_scan_statistics(s, small_statistics(s));
  }
  writer.commit();
}

}  // namespace brainmt::io::test

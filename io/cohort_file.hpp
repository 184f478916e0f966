#pragma once
// The description of one store file, read with HDF5: everything but the frames, and the offset of the frames.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/cohort_layout.hpp"
#include "io/grid_scatter.hpp"
#include "io/hdf5_reader.hpp"

namespace brainmt::io {

struct CohortFile {
  std::filesystem::path path;
  std::uint64_t bytes = 0;  // of the file
  CohortDescription description;
  GridScatter scatter;      // its mask, an eighth of the memory of a list of voxels; none where it holds parcels
  ParcelCoverage coverage;  // where it holds parcels
  std::vector<std::uint32_t> checksums;  // of a frame, by row
  std::uint64_t frames_at = 0;           // byte of row 0 in the file

  std::size_t frame_bytes() const {
    return description.parcels ? description.parcels->size() * sizeof(float) : scatter.voxels() * sizeof(std::uint16_t);
  }
  /// Byte of a frame of one of its scans.
  std::uint64_t offset_of(const CohortScan& scan, std::uint64_t frame) const {
    return frames_at + (scan.first_frame + frame) * frame_bytes();
  }
  /// SHA-256 of the mask or the parcels, the checksums, the scans and the phenotypes: files of equal digest hold equal
  /// frames.
  std::string digest() const;
};

/// Throws DataError when the file is cut short, of another format, or holds what docs/cohort-format.md forbids.
CohortFile read_cohort_file(const Hdf5Reader& file, const std::filesystem::path& path);

}  // namespace brainmt::io

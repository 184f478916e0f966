#pragma once
// Reads a cohort: one store file, or an index over several (shards) with a mask each. HDF5 is used once, at opening,
// for the description; frames are then read with one positioned read each window, on any thread, without the library's
// lock.
//
// Scans of a single file are in its order. Scans of shards are sorted by `source` (its bytes), which is the order in
// which prepare stores them in one file: training on shards sees exactly the data order of the single file.
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "io/cohort_file.hpp"
#include "io/file_descriptor.hpp"

namespace brainmt::io {

class Cohort {
 public:
  /// Not collective: every rank opens for itself. Throws DataError when the file or a shard is missing, cut short, of
  /// another format, not the one that the index was made of, or holds what docs/cohort-format.md forbids.
  explicit Cohort(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// The description, complete: statistics and phenotypes included, in the order of the scans.
  const CohortDescription& layout() const { return layout_; }
  const std::vector<CohortScan>& scans() const { return layout_.scans; }
  /// The column, or null.
  const PhenotypeColumn* phenotype(const std::string& name) const;

  /// The store files: one, or the shards.
  const std::vector<CohortFile>& files() const { return files_; }
  const CohortFile& file_of(std::size_t scan) const { return files_[file_of_[scan]]; }
  /// Packed voxels a frame of this scan: those in the mask of its file.
  std::size_t voxels(std::size_t scan) const { return file_of(scan).scatter.voxels(); }
  /// Makes dense frames of this scan's packed ones.
  const GridScatter& scatter_of(std::size_t scan) const { return file_of(scan).scatter; }
  /// Dense index of each packed voxel of this scan, ascending.
  std::vector<std::uint32_t> voxels_of(std::size_t scan) const { return scatter_of(scan).voxel_list(); }

  enum class Verify { kNo, kYes };

  /// Reads frames [first_frame, first_frame + out.size() / voxels(scan)) of `scan` as float16 bits, [frame, voxel].
  /// With kYes each frame is compared with its checksum, and a DataError names the scan and frame that differ. Safe to
  /// call from several threads.
  void read_window(std::size_t scan, std::uint64_t first_frame, std::span<std::uint16_t> out, Verify verify) const;

  /// Reads every frame with its checksum; throws DataError at the first that differs.
  void verify() const;

  /// Bytes of frames that read_window has read so far.
  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  void merge();

  std::filesystem::path path_;
  std::vector<CohortFile> files_;
  CohortDescription layout_;
  std::vector<std::uint32_t> file_of_;  // of a scan
  std::vector<FileDescriptor> open_;    // of a file
  mutable std::atomic<std::uint64_t> bytes_read_ = 0;
};

}  // namespace brainmt::io

#pragma once
// Reads a cohort store. HDF5 is used once, at opening, for the description; frames are then read with one positioned
// read each window, on any thread, without the library's lock.
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "io/cohort_layout.hpp"
#include "io/file_descriptor.hpp"

namespace brainmt::io {

class Cohort {
 public:
  /// Not collective: every rank opens for itself. Throws DataError when the file is missing, cut short, of another
  /// format, or holds what docs/cohort-format.md forbids.
  explicit Cohort(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// The description, complete: statistics, first frames and phenotypes included.
  const CohortLayout& layout() const { return layout_; }
  const std::vector<CohortScan>& scans() const { return layout_.scans; }
  /// In-mask voxels a frame.
  std::size_t voxels() const { return layout_.voxels.size(); }
  /// The column, or null.
  const PhenotypeColumn* phenotype(const std::string& name) const;

  enum class Verify { kNo, kYes };

  /// Reads frames [first_frame, first_frame + out.size() / voxels()) of `scan` as float16 bits, [frame, voxel]. With
  /// kYes each frame is compared with its checksum, and a DataError names the scan and frame that differ. Safe to call
  /// from several threads.
  void read_window(std::size_t scan, std::uint64_t first_frame, std::span<std::uint16_t> out, Verify verify) const;

  /// Reads every frame with its checksum; throws DataError at the first that differs.
  void verify() const;

  /// Bytes of frames that read_window has read so far.
  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  std::filesystem::path path_;
  CohortLayout layout_;
  std::vector<std::uint32_t> checksums_;  // a frame of the store
  FileDescriptor fd_;
  std::uint64_t frames_at_ = 0;  // byte of the first frame in the file
  mutable std::atomic<std::uint64_t> bytes_read_ = 0;
};

}  // namespace brainmt::io

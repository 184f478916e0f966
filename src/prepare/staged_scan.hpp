#pragma once
// A normalised scan on its own mask: a private file of the staging area, removed when the cohort is complete.
//
//   header | reason | mask, a bit a voxel of the (cropped) grid in the store's order [Y, X, Z] | frames | CRC-32 a
//   frame
//
// A frame holds the scan's own voxels only, as float16 in the order of the mask. With parcels it holds their values, as
// float; behind the frames are then two things more, in rows of the same size: the voxels used of each parcel (uint32)
// and, in two rows, the coverage (double). A scan that cannot be used is staged too, as its reason without frames, so that a restart does not read it again. The header, reason and mask have a
// checksum of their own. The files are not synchronised: one that a crash of the machine left damaged is found by its
// checksums and made again.
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/cohort_layout.hpp"

namespace brainmt::prepare {

struct StagedHeader {
  std::string identity;  // of the input and the options (prepare/staging.hpp)
  std::string reason;    // why the scan cannot be used; empty: it can
  io::CohortGrid grid;   // of the mask
  std::uint64_t frames = 0;
  io::ScanQuality quality;
  std::uint64_t nan_voxels = 0;  // voxels of the file that are NaN in every frame
  io::ScanStatistics statistics;
  std::vector<std::uint8_t> mask;  // one flag a voxel, [Y, X, Z]; empty for one that cannot be used
  std::uint32_t parcels = 0;       // columns of the frames; 0: they hold voxels

  std::size_t voxels() const;  // in the mask
  /// Rows of the file, and the 16-bit words of one.
  std::uint64_t rows() const { return frames + (parcels > 0 && frames > 0 ? 3 : 0); }
  std::size_t row_words() const { return parcels > 0 ? 2 * std::size_t{parcels} : voxels(); }
};

/// Writes beside `target` and takes its name in commit(); without that nothing stays. Throws OutputError.
class StagedWriter {
 public:
  StagedWriter(std::filesystem::path target, const StagedHeader& header);
  ~StagedWriter();
  StagedWriter(const StagedWriter&) = delete;
  StagedWriter& operator=(const StagedWriter&) = delete;

  void add_frame(std::span<const std::uint16_t> frame);
  /// After header.rows() rows.
  void commit();

 private:
  std::filesystem::path target_;
  io::TemporaryFile temporary_;
  std::uint64_t rows_;
  std::vector<std::uint32_t> checksums_;
  bool committed_ = false;
};

class StagedScan {
 public:
  /// Throws DataError: missing, damaged, cut short, of another version.
  explicit StagedScan(const std::filesystem::path& path);

  const StagedHeader& header() const { return header_; }
  std::size_t voxels() const { return voxels_; }
  /// Rows [first, first + out.size() / header().row_words()), each compared with its checksum. Throws DataError.
  void read_frames(std::uint64_t first, std::span<std::uint16_t> out) const;
  /// Reads every frame once.
  void verify() const;

 private:
  std::filesystem::path path_;
  io::FileDescriptor file_;
  StagedHeader header_;
  std::size_t voxels_ = 0, words_ = 0;  // in the mask; of a row
  std::uint64_t frames_at_ = 0;
  std::vector<std::uint32_t> checksums_;
};

}  // namespace brainmt::prepare

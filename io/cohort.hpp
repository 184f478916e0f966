#pragma once
// Reads a cohort: one store file, or an index over several (shards), each with its own mask. HDF5 is used at opening
// only, for the description; a window is then one pread, on any thread, without the HDF5 lock.
//
// Scans of a single file are in its order. Scans of shards are sorted by `source` (its bytes), which is the order in
// which prepare stores them in one file: training on shards sees exactly the data order of the single file.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/cohort_file.hpp"
#include "io/frame_reader.hpp"
#include "io/quarantine.hpp"

namespace brainmt::io {

class Cohort {
 public:
  /// Not collective: every rank opens for itself. Throws DataError when the file or a shard is missing, cut short, of
  /// another format, not the one that the index was made of, or holds what docs/cohort-format.md forbids; also when its
  /// quarantine list names scans that it does not have.
  explicit Cohort(const std::filesystem::path& path, const ReadSettings& reading = {});

  const std::filesystem::path& path() const { return path_; }
  /// The description, complete: statistics and phenotypes included, in the order of the scans.
  const CohortDescription& layout() const { return layout_; }
  const std::vector<CohortScan>& scans() const { return layout_.scans; }
  /// The column, or null.
  const PhenotypeColumn* phenotype(const std::string& name) const;

  /// The store files: one, or the shards.
  const std::vector<CohortFile>& files() const { return files_; }
  const CohortFile& file_of(std::size_t scan) const { return files_[file_of_[scan]]; }
  /// The columns of its frames; null: the frames are voxels. What follows about voxels is then for other cohorts.
  const ParcelTable* parcels() const { return layout_.parcels ? &*layout_.parcels : nullptr; }
  /// Of each parcel in this scan, as in ParcelCoverage. The cohort holds parcels.
  std::span<const std::uint32_t> parcel_voxels(std::size_t scan) const;
  std::span<const double> parcel_coverage(std::size_t scan) const;

  /// Packed voxels a frame of this scan: those in the mask of its file.
  std::size_t voxels(std::size_t scan) const { return file_of(scan).scatter.voxels(); }
  /// The largest of these, over all files.
  std::size_t max_voxels() const;
  /// Makes dense frames of this scan's packed ones.
  const GridScatter& scatter_of(std::size_t scan) const { return file_of(scan).scatter; }
  /// Dense index of each packed voxel of this scan, ascending.
  std::vector<std::uint32_t> voxels_of(std::size_t scan) const { return scatter_of(scan).voxel_list(); }

  /// False for a scan on the quarantine list beside the cohort (quarantine.hpp).
  bool usable(std::size_t scan) const { return !quarantined_[scan]; }
  std::size_t quarantined() const;

  /// SHA-256 of what these scans hold, in this order: their masks, the checksums of their frames, their fill values.
  std::string voxels_digest(std::span<const std::size_t> scans) const;

  enum class Verify { kNo, kYes };

  /// Reads frames [first_frame, first_frame + out.size() / voxels(scan)) of `scan` as float16 bits, [frame, voxel],
  /// with plain reads, ignoring the settings. With kYes as check_window(). Safe to call from several threads.
  void read_window(std::size_t scan, std::uint64_t first_frame, std::span<std::uint16_t> out, Verify verify) const;

  /// Reads frames [first_frame, first_frame + out.size() / P) of `scan`, [frame, parcel]; NaN: the parcel is not
  /// covered in this scan. The cohort holds parcels. With plain reads, verified with kYes, safe as read_window().
  void read_series(std::size_t scan, std::uint64_t first_frame, std::span<float> out, Verify verify) const;

  /// How loaders read.
  const ReadSettings& reading() const { return reading_; }
  /// Collective over reading().comm in collective mode. The cohort outlives the reader.
  std::unique_ptr<FrameReader> make_reader() const { return io::make_reader(stores_, reading_); }
  struct Location {
    std::size_t file = 0;
    std::uint64_t offset = 0;
  };
  /// Fills `out` as read_window(), but through `reader`, or from the node's copy of the scan where there is a cache,
  /// and verified as reading() says. A copy that fails its checksum is removed and the store read.
  void load_window(FrameReader& reader, std::size_t scan, std::uint64_t first_frame,
                   std::span<std::uint16_t> out) const;
  /// The window must lie in the scan.
  Location location_of(std::size_t scan, std::uint64_t first_frame, std::uint64_t frames) const;
  /// Compares each frame with its checksum; a DataError names the first that differs and how to quarantine its scan.
  void check_window(std::size_t scan, std::uint64_t first_frame, std::span<const std::uint16_t> window) const;

  /// Reads every frame of every usable scan with its checksum; throws DataError at the first that differs.
  void verify() const;
  /// Reads every frame, quarantined scans included; returns the scans with a damaged or unreadable frame, in order.
  std::vector<DamagedScan> damaged_scans() const;

  /// Bytes of frames that were read from the store files so far, by loaders too.
  std::uint64_t bytes_read() const { return stores_.bytes_read(); }

 private:
  void merge();
  std::size_t sound_frames(std::size_t scan, std::uint64_t first_frame, std::span<const std::byte> window) const;
  void read_rows(std::size_t scan, std::uint64_t first_frame, std::span<std::byte> out, Verify verify) const;
  void check_rows(std::size_t scan, std::uint64_t first_frame, std::span<const std::byte> rows) const;
  void check_scan(std::size_t scan) const;
  bool read_copy(std::size_t scan, std::uint64_t first_frame, std::span<std::uint16_t> out) const;

  std::filesystem::path path_;
  ReadSettings reading_;
  std::vector<CohortFile> files_;
  CohortDescription layout_;
  std::vector<std::uint32_t> file_of_, row_of_;  // of a scan: its file, and which scan of that it is
  std::vector<bool> quarantined_;                // a scan
  mutable StoreFiles stores_{files_};
  std::unique_ptr<NodeCache> cache_;
};

}  // namespace brainmt::io

#pragma once
// Writes a cohort store with all ranks of a communicator into one HDF5 file (MPI-IO).
//
// The file is written as `<target>.tmp-...` and renamed to the target in commit(), after fsync: readers see a complete
// cohort or none. The bytes do not depend on the number of ranks.
//
//   CohortWriter writer(comm, "cohort.h5", layout);                       // collective, same layout on every rank
//   std::exception_ptr failure;
//   try { for (scan of this rank) { writer.write_frames(...); writer.set_scan_statistics(...); } }
//   catch (...) { failure = std::current_exception(); }
//   writer.commit(failure);                                               // collective
#include <mpi.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <span>

#include "io/cohort_layout.hpp"

namespace brainmt::io {

class CohortWriter {
 public:
  /// Collective: creates the temporary file with room for every frame. `layout` is the same on every rank; the
  /// statistics and first_frame in it are ignored. Throws the same DataError (layout refused) or OutputError (no space,
  /// no permission, ...) on every rank. `comm` is duplicated.
  CohortWriter(MPI_Comm comm, const std::filesystem::path& target, const CohortLayout& layout);
  /// Not collective: a writer that was not committed removes its temporary file.
  ~CohortWriter();
  CohortWriter(const CohortWriter&) = delete;
  CohortWriter& operator=(const CohortWriter&) = delete;

  /// Independent: stores `frames.size() / voxels` whole frames of float16 bits, [frame, voxel], at `first_frame` of
  /// `scan`. Each frame of the cohort is written by exactly one rank. Throws OutputError.
  void write_frames(std::size_t scan, std::uint64_t first_frame, std::span<const std::uint16_t> frames);

  /// The same for a layout of parcels: `frames.size() / P` whole frames, [frame, parcel].
  void write_series(std::size_t scan, std::uint64_t first_frame, std::span<const float> frames);

  /// Independent: called once for each scan of a layout of parcels, by the rank that wrote it: of each parcel the voxels
  /// used and the share covered, as in ParcelCoverage. Throws OutputError.
  void set_parcel_coverage(std::size_t scan, std::span<const std::uint32_t> voxels, std::span<const double> share);

  /// Independent: called once for each scan, by the rank that wrote it.
  void set_scan_statistics(std::size_t scan, const ScanStatistics& statistics);

  /// Collective. `failure` is what went wrong on this rank since the constructor, or null. When any rank failed, the
  /// temporary file is removed and every rank throws the error of the lowest failed rank; otherwise the file is
  /// completed (checksums, statistics), synchronised and renamed to the target.
  void commit(std::exception_ptr failure = nullptr);

 private:
  void write_rows(std::size_t scan, std::uint64_t first_frame, std::span<const std::byte> rows);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace brainmt::io

#pragma once
// Reads ranges of /frames from store files: one interface, three implementations.
//
// posix        one pread a window; needs nothing of the file system but reading
// independent  MPI_File_read_at on a file that each rank opens for itself
// collective   MPI_File_read_at_all in rounds of all ranks, which lets the MPI library join neighbouring requests
//
// HDF5 gives the offset of /frames only. Frames are not read through HDF5: parallel HDF5 is not thread-safe, and loader
// threads read while the program may use HDF5. /frames is contiguous and unfiltered (required by the format, checked
// when opened), so the bytes at the offset are the frames.
//
// A reader belongs to one thread. Only the collective one needs the calls other than read(): ranks read in rounds, and
// a rank with nothing to read must still take part in the rounds of the others.
#include <mpi.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "io/cohort_file.hpp"
#include "io/few_open.hpp"
#include "io/file_descriptor.hpp"
#include "io/node_cache.hpp"

namespace brainmt::io {

enum class ReadMode { kPosix, kIndependent, kCollective };

/// posix, independent or collective. Throws UsageError for another name.
ReadMode read_mode_of(std::string_view name);

struct ReadSettings {
  ReadMode mode = ReadMode::kPosix;
  /// The ranks that read together; used by kCollective only, and outlives the cohort.
  MPI_Comm comm = MPI_COMM_SELF;
  /// Compare each frame that is read with its checksum.
  bool checksums = true;
  /// Bytes of one MPI-IO call: a count is an int there, so it must stay below 2 GiB.
  std::size_t largest_piece = std::size_t{1} << 30;
  /// Copies on the node, used by loaders in kPosix.
  CacheSettings cache = {};

  /// data.io, data.checksums, data.cache_*. Throws UsageError for a cache with another mode than posix.
  static ReadSettings from_config(const config::Config& config, MPI_Comm comm);
};

class FrameReader {
 public:
  /// Sleeps for at most `max_sleep`; true as soon as the caller wants to continue.
  using Pause = std::function<bool(std::chrono::microseconds max_sleep)>;

  virtual ~FrameReader() = default;

  /// Fills `out` from byte `offset` of file number `file`. Throws DataError; in collective mode also what made another
  /// rank leave.
  virtual void read(std::size_t file, std::uint64_t offset, std::span<std::byte> out) = 0;
  /// Nothing to read until `pause` says so; throws as read() does.
  virtual void idle_until(const Pause& pause);
  /// Nothing to read any more; returns when no rank has, or when `stopped` says so. Throws as read() does.
  virtual void finish(const Pause& /*stopped*/) {}
  /// The last call: tells the other ranks that this one leaves, because of `failure` or, with null, because it was
  /// asked to. They then leave too. Nothing when finish() returned or a call threw what another rank had failed with.
  virtual void leave(std::exception_ptr /*failure*/) {}
};

/// Descriptors of the store files, opened when they are first read. Safe to use from several threads.
class StoreFiles {
 public:
  explicit StoreFiles(const std::vector<CohortFile>& files) : files_(files) {}
  /// Reads and counts. Throws DataError.
  void read(std::size_t file, std::uint64_t offset, std::span<std::byte> out);
  const std::vector<CohortFile>& files() const { return files_; }
  /// Bytes read from the files so far, by all readers.
  std::atomic<std::uint64_t>& bytes_read() { return bytes_read_; }

 private:
  const std::vector<CohortFile>& files_;
  std::mutex mutex_;
  FewOpen<std::shared_ptr<FileDescriptor>> open_;
  std::atomic<std::uint64_t> bytes_read_ = 0;
};

/// Collective over settings.comm in collective mode. `stores` outlives the reader. Throws UsageError when the mode
/// needs more of MPI than it offers (MPI_THREAD_MULTIPLE: the reader runs beside the rest of the program).
std::unique_ptr<FrameReader> make_reader(StoreFiles& stores, const ReadSettings& settings);

}  // namespace brainmt::io

#pragma once
// The staging area of a preparation: the directory `<output>.staging` beside the output, with the scans staged so far.
// One preparation at a time owns it; a later one of the same output reuses its scans.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/unfinished.hpp"
#include "comm/communicator.hpp"
#include "io/directory_lock.hpp"
#include "prepare/staged_scan.hpp"

namespace brainmt::prepare {

/// Identifies a state of a file without reading it.
struct FileStamp {
  std::uint64_t size = 0;
  std::int64_t seconds = 0, nanoseconds = 0;  // of the last change of its content
  bool operator==(const FileStamp&) const = default;
};
/// Throws io::UnreadableError.
FileStamp stamp_of(const std::filesystem::path& path);

/// SHA-256 over what decides the bits of a staged scan: its file, the motion file and the mask that are used (empty
/// path: none), and `options`. `source`: relative to the input directory. Throws io::UnreadableError.
std::string scan_identity(const std::string& source, const FileStamp& stamp, const std::filesystem::path& motion,
                          const std::filesystem::path& mask, const std::string& options);

class Staging {
 public:
  /// Collective: rank 0 makes the directory and takes its lock, then removes what killed preparations left: unfinished
  /// files in it, and those of `output` and `report` beside it. Throws UsageError when another preparation owns it, or
  /// OutputError.
  Staging(comm::Communicator& comm, const std::filesystem::path& output, const std::filesystem::path& report);
  /// Not collective: rank 0 lets go, and takes the directory away when it holds no scan.
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  /// Where the scan of `source` is staged.
  std::filesystem::path file_of(const std::string& source) const;
  /// The staged scan of `source` if it is there, whole, and of this identity; every checksum is compared.
  std::optional<StagedScan> find(const std::string& source, const std::string& identity) const;
  /// Called by rank 0 when the cohort is whole: removes the directory with everything in it.
  void remove();

 private:
  std::filesystem::path directory_;
  std::optional<Unfinished> unfinished_;   // with the lock
  std::optional<io::DirectoryLock> lock_;  // rank 0
};

}  // namespace brainmt::prepare

#pragma once
// Copies of a cohort's scans on a disk of the node, for cohorts whose file system is far away: each scan is fetched
// once a node instead of once a window. The ranks of a node, and jobs after one another, share the copies; there is no
// process in charge. One file a scan, `<directory>/<key of the cohort>/scan-<number>.f16`: the scan's rows of /frames.
//
// The first that needs a scan makes its copy as `scan-<number>.part`, held by flock, and renames it when it is whole;
// who comes meanwhile reads the source. What a killed process left is taken over by the next, because the kernel drops
// its lock. When the cap is reached, the copies that are there stay and all other scans are read from the source.
// Nothing is ever evicted: an epoch wants every scan once, in a new order, so whatever was used least recently is no
// less likely to be next; replacing it would only write all day, and with a cache of half the cohort throw out copies
// before they are read again.
//
// The cache never makes a run fail: a directory that cannot be used, or a disk that is full, is one warning, and the
// source is read.
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include "io/file_descriptor.hpp"

namespace brainmt::io {

struct CacheSettings {
  std::filesystem::path directory{};  // of this user's; empty: no cache
  std::uint64_t most_bytes = 0;       // of all files below it together, whoever made them
};

class NodeCache {
 public:
  /// Fills `out` from byte `offset` of a scan.
  using Source = std::function<void(std::uint64_t offset, std::span<std::byte> out)>;

  /// `key`: hexadecimal digits that tell what is copied; equal keys mean equal bytes.
  NodeCache(const CacheSettings& settings, const std::string& key);

  /// Fills `out` from byte `offset` of the copy of scan number `scan`, which has `bytes` and is first made from
  /// `source` when there is none. False: there is no copy, read the source. Safe to call from several threads.
  bool read(std::size_t scan, std::uint64_t bytes, std::uint64_t offset, std::span<std::byte> out,
            const Source& source);
  /// Removes a copy that has turned out to be wrong.
  void drop(std::size_t scan);

 private:
  FileDescriptor open_copy(std::size_t scan, std::uint64_t bytes) const;
  FileDescriptor make_copy(std::size_t scan, std::uint64_t bytes, const Source& source);
  bool reserve(const FileDescriptor& part, const std::string& name, std::uint64_t bytes);
  void stop_writing(const char* action, int error);

  CacheSettings settings_;
  FileDescriptor root_, folder_;  // of this cohort; not valid: nothing is cached
  std::atomic<bool> writes_ = false;
  std::atomic<std::uint64_t> smallest_refused_ = UINT64_MAX;  // larger scans need not be tried again
};

}  // namespace brainmt::io

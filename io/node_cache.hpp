#pragma once
// Cache of a cohort's scans on a local disk of the node, for slow shared file systems: each scan is fetched once per
// node instead of once per window. Shared by the ranks of a node and by successive jobs, without a server process. One
// file per scan, `<directory>/<key of the cohort>/scan-<number>.f16`: the scan's rows of /frames.
//
//   first reader of a scan     writes `scan-<number>.part` under flock, renames it when complete
//   readers meanwhile          read the source
//   after a kill               the kernel drops the flock; the next reader takes the partial file over
//   cap reached                existing copies stay, other scans are read from the source
//
// No eviction: an epoch reads every scan once in a random order, so the least recently used scan is as likely to be
// next as any other, and replacing copies would only add writes.
//
// Errors of the cache never fail a run: one warning, then the source is read.
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
  std::uint64_t max_bytes = 0;        // limit for all files below it, of all processes
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

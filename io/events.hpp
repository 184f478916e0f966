#pragma once
// Scalars for TensorBoard: `events.out.tfevents.*`, a sequence of length-prefixed, checksummed protocol-buffer records.
// Each record is written by itself and appended, so that a killed run leaves at most one incomplete record at the end,
// which readers skip.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "io/file_descriptor.hpp"

namespace brainmt::io {

struct Scalar {
  std::string tag;
  float value = 0;
};

class EventWriter {
 public:
  /// Starts a new file `events.out.tfevents.<wall_time>.<suffix>` in `directory`; `wall_time` is in seconds since 1970.
  EventWriter(const std::filesystem::path& directory, double wall_time, std::string_view suffix);

  /// Throws OutputError.
  void add(std::int64_t step, const std::vector<Scalar>& scalars, double wall_time);
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  FileDescriptor fd_;
};

/// CRC-32C (Castagnoli) of `data`, the record checksum's base.
std::uint32_t crc32c(std::string_view data);

}  // namespace brainmt::io

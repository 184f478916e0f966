#pragma once
// Temporary file for the values of a scan between its two passes: rows of floats, written once and read once in order.
// The file is unlinked, so it disappears with the process; the page cache usually keeps it off the disk. All scans of a
// rank reuse one file.
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "io/file_descriptor.hpp"

namespace brainmt::prepare {

class Spill {
 public:
  /// In `directory`, which exists. Throws OutputError.
  explicit Spill(const std::filesystem::path& directory);

  /// Forgets the rows; the room in the file is used again.
  void clear();
  void append(std::span<const float> row);
  /// The next row of those appended, from the first on, into `room`, which is large enough; returns the row's part of
  /// it. Called once for each row.
  std::span<const float> next(std::span<float> room);

 private:
  std::filesystem::path shown_;
  io::FileDescriptor file_;
  std::uint64_t written_ = 0, read_ = 0;  // bytes
};

}  // namespace brainmt::prepare

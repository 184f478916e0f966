#pragma once
// Rows of floats that are written once and read back once in the same order: the values of a scan between its two
// passes. They lie in a file without a name, which the page cache mostly keeps off the disk and which is gone with the
// process, however that ends. One file serves all scans of a rank, one after the other.
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

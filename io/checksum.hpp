#pragma once
// SHA-256 for files listed in a manifest, CRC-32 (that of zlib and gzip; about ten times faster where ISA-L was found)
// for single frames.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace brainmt::io {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(std::span<const std::byte> data);
  /// The digest as 64 lower-case hexadecimal digits. Called once, last.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(std::span<const std::byte> data);
/// Of a whole file, read in pieces. Throws DataError.
std::string sha256_of_file(const std::filesystem::path& path);

/// `before`: the CRC-32 of the bytes before `data`.
std::uint32_t crc32(std::span<const std::byte> data, std::uint32_t before = 0);

}  // namespace brainmt::io

#pragma once
// The directory of a zip archive (PKWARE APPNOTE 6.3, with the 64-bit fields), and its members as byte sources.
//
// Members may be stored or deflated; both are read in place, one buffer at a time. Nothing that the archive says is
// believed before it was checked: offsets and sizes against the file, the directory against 64 MiB, a member's size
// against what deflate can make of its bytes, a deflated member's content against size and CRC-32 at its last byte.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/byte_source.hpp"
#include "io/file_descriptor.hpp"

namespace brainmt::io {

class ZipArchive {
 public:
  /// Throws DataError: missing, unreadable, cut short, or no sound archive.
  explicit ZipArchive(std::filesystem::path path);

  bool has(const std::string& member) const { return members_.contains(member); }
  /// Throws DataError: no such member, encrypted, another compression, damaged. The source does not need the archive.
  std::unique_ptr<ByteSource> open(const std::string& member) const;

 private:
  struct Member {
    unsigned flags = 0, method = 0;
    std::uint32_t checksum = 0;
    std::uint64_t packed = 0, size = 0, header = 0;  // bytes in the archive, of content; offset of its local header
  };
  struct Directory {
    std::uint64_t entries, bytes, offset;
  };

  [[noreturn]] void fail(std::string_view why) const;
  std::vector<std::byte> read(std::uint64_t offset, std::uint64_t count) const;
  Directory find_directory() const;
  Directory read_wide(std::uint64_t locator) const;
  void read_members(const Directory& directory);
  static bool widen(Member& member, std::span<const std::byte> extra);

  std::filesystem::path path_;
  FileDescriptor fd_;
  std::uint64_t size_ = 0;  // of the file
  std::unordered_map<std::string, Member> members_;
};

}  // namespace brainmt::io

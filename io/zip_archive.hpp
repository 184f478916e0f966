#pragma once
// The members of a zip archive as byte sources, read in place by libzip, one buffer at a time. A build without libzip
// opens none.
//
// A member may be stored or deflated, and the archive larger than 4 GiB. What libzip does not check is checked here:
// that a member's size is one that deflate can make of its bytes, and that nothing follows it. A member that was read
// to its end had the size and the CRC-32 that its entry says; a stored one, too.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "io/byte_source.hpp"

struct zip;  // libzip's

namespace brainmt::io {

/// Was the program built with libzip?
bool reads_zip_archives();

class ZipArchive {
 public:
  /// Throws DataError: missing, unreadable, cut short, no sound archive, or no libzip.
  explicit ZipArchive(std::filesystem::path path);

  bool has(const std::string& member) const;
  /// Throws DataError: no such member, encrypted, another compression, damaged. The source does not need this object.
  std::unique_ptr<ByteSource> open(const std::string& member) const;

 private:
  std::filesystem::path path_;
  std::shared_ptr<zip> archive_;
};

}  // namespace brainmt::io

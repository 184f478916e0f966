#pragma once
// The bytes of a file, or of a member of a zip archive, by their offset.
//
// A member is named as if its archive were a directory: `1000015_20227_2_0.zip/fMRI/rfMRI.ica/x.nii.gz`, where
// `1000015_20227_2_0.zip` is a regular file. UK Biobank's bulk fields come as such archives.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace brainmt::io {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  virtual std::uint64_t size() const = 0;
  /// Fills `out` from `offset`. Throws DataError: the bytes are not there, are damaged, or cannot be read. Of a
  /// compressed member, reading onwards is cheap, also from up to 512 KiB before the byte read last; from further
  /// before, it is inflated anew.
  virtual void read(std::uint64_t offset, std::span<std::byte> out) = 0;

 protected:
  ByteSource() = default;
};

/// Throws DataError: missing, unreadable, no regular file; for a member see io/zip_archive.hpp.
std::unique_ptr<ByteSource> open_source(const std::filesystem::path& path);

/// The archive that `path` is a member of; else `path` itself.
std::filesystem::path file_on_disk(const std::filesystem::path& path);

}  // namespace brainmt::io

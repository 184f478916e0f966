#pragma once
// Atomic file replacement: write to a new name beside the target, fsync, rename over the target, fsync the directory.
// Links are never followed: one at the temporary name is refused, one at the target is replaced. Every failure is an
// OutputError of one line that names the target.
#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "base/unfinished.hpp"
#include "io/file_descriptor.hpp"

namespace brainmt::io {

/// A new empty file `<target>.tmp-<unique>` open for writing. A signal that ends the command removes it.
struct TemporaryFile {
  FileDescriptor fd;
  std::filesystem::path path;
  Unfinished unfinished;
};
TemporaryFile create_beside(const std::filesystem::path& target);

/// Makes the content of a closed file durable.
void sync_file(const std::filesystem::path& path);

/// Makes the names in `directory` durable.
void sync_directory(const std::filesystem::path& directory);

/// Renames `temporary` (already synchronised) to `target` in the same directory and makes the name durable.
void rename_durably(const std::filesystem::path& temporary, const std::filesystem::path& target);

/// A file being written; removed unless commit() is reached.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> data);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  /// Synchronises and takes the target's name. Called once, last.
  void commit();

 private:
  std::filesystem::path target_;
  TemporaryFile temporary_;
  bool committed_ = false;
};

void write_atomically(const std::filesystem::path& target, std::string_view content);

}  // namespace brainmt::io

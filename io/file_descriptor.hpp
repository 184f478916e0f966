#pragma once
// An owned POSIX file descriptor, and the few calls on it that check their result.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace brainmt::io {

/// The system refused to give a file or its bytes (permission, device, network): unlike damage, this may pass, so
/// nothing lasting should follow from it.
struct UnreadableError : DataError {
  using DataError::DataError;
};

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  /// Closes now and returns errno of the close, 0 when it went well: some file systems report a full disk only here.
  int close() noexcept;

 private:
  int fd_ = -1;
};

/// The system's text for `error` (an errno value), independent of the locale.
std::string errno_text(int error);

/// Opens a regular file for reading. Throws DataError when it is missing, unreadable or not a regular file.
FileDescriptor open_for_reading(const std::filesystem::path& path);

/// Opens or creates a regular file, whose every write goes to its end. Throws OutputError; a link at `path` is refused.
FileDescriptor open_for_appending(const std::filesystem::path& path);

/// Size in bytes. Throws DataError.
std::uint64_t file_size(const FileDescriptor& fd, const std::filesystem::path& path);

/// Fills `out` from `offset`. Throws DataError when the file ends early or the read fails. Safe to call from several
/// threads on one descriptor.
void read_exactly(const FileDescriptor& fd, const std::filesystem::path& path, std::uint64_t offset,
                  std::span<std::byte> out);

/// Writes all of `data` at the descriptor's position. Throws OutputError.
void write_all(const FileDescriptor& fd, const std::filesystem::path& path, std::span<const std::byte> data);
inline void write_all(const FileDescriptor& fd, const std::filesystem::path& path, std::string_view text) {
  write_all(fd, path, std::as_bytes(std::span(text)));
}

}  // namespace brainmt::io

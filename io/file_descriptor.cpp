#include "io/file_descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace brainmt::io {
namespace {

// The kernel moves at most about 2 GiB in one call; a smaller step also keeps an interrupted call cheap to repeat.
constexpr std::size_t kMaxTransfer = std::size_t{1} << 30;

}  // namespace

FileDescriptor::~FileDescriptor() { close(); }

int FileDescriptor::close() noexcept {
  if (fd_ < 0) return 0;
  return ::close(std::exchange(fd_, -1)) == 0 ? 0 : errno;
}

std::string errno_text(int error) { return std::generic_category().message(error); }

FileDescriptor open_for_reading(const std::filesystem::path& path) {
  // Non-blocking, so that a named pipe is refused below instead of waited for.
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) throw UnreadableError(fmt::format("cannot open '{}': {}", path.string(), errno_text(errno)));
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw DataError(fmt::format("'{}' is not a regular file", path.string()));
  }
  return fd;
}

FileDescriptor open_for_appending(const std::filesystem::path& path) {
  FileDescriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!fd.valid()) throw OutputError(fmt::format("cannot append to '{}': {}", path.string(), errno_text(errno)));
  return fd;
}

std::uint64_t file_size(const FileDescriptor& fd, const std::filesystem::path& path) {
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) {
    throw UnreadableError(fmt::format("cannot get the size of '{}': {}", path.string(), errno_text(errno)));
  }
  return static_cast<std::uint64_t>(status.st_size);
}

void read_exactly(const FileDescriptor& fd, const std::filesystem::path& path, std::uint64_t offset,
                  std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::pread(fd.get(), out.data(), std::min(out.size(), kMaxTransfer), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw UnreadableError(fmt::format("cannot read '{}': {}", path.string(), errno_text(errno)));
    if (got == 0) {
      throw DataError(fmt::format("'{}' is cut short: {} bytes are missing at byte {}; copy or make it again",
                                  path.string(), out.size(), offset));
    }
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

void write_all(const FileDescriptor& fd, const std::filesystem::path& path, std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t put = ::write(fd.get(), data.data(), std::min(data.size(), kMaxTransfer));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      throw OutputError(fmt::format("cannot write '{}': {}; {} bytes were left to write", path.string(),
                                    errno_text(errno), data.size()));
    }
    data = data.subspan(static_cast<std::size_t>(put));
  }
}

}  // namespace brainmt::io

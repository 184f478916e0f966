#include "io/node_cache.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"

namespace brainmt::io {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOwnerOnly = 0700;
constexpr std::size_t kPiece = std::size_t{4} << 20;  // bytes copied at once
constexpr std::string_view kPart = ".part";

std::string copy_name(std::size_t scan) { return fmt::format("scan-{:06}.f16", scan); }
std::string part_name(std::size_t scan) { return fmt::format("scan-{:06}{}", scan, kPart); }

FileDescriptor open_at(const FileDescriptor& folder, const std::string& name, int flags, mode_t mode = 0) {
  // Non-blocking, so that a planted pipe is refused by its type instead of waited for.
  return FileDescriptor(
      ::openat(folder.get(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode));
}

// Checks that the folder is owned by this user and writable by no other; returns the error.
std::string why_unsafe(const FileDescriptor& folder) {
  struct stat status = {};
  if (!folder.valid()) return errno == ELOOP || errno == ENOTDIR ? "it is a link or no folder" : errno_text(errno);
  if (::fstat(folder.get(), &status) != 0) return errno_text(errno);
  if (status.st_uid != ::geteuid()) return "it belongs to another user; name a folder of your own in it";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others may write to it; use chmod 700";
  return "";
}

bool is_named(const FileDescriptor& file, const FileDescriptor& folder, const std::string& name) {
  struct stat held = {}, named = {};
  return ::fstat(file.get(), &held) == 0 && ::fstatat(folder.get(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

std::vector<std::string> names_in(const FileDescriptor& folder) {
  // A descriptor of its own: reading a folder moves the position that duplicates share.
  const int fd = ::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fd < 0 ? nullptr : ::fdopendir(fd),
                                                   [](DIR* d) { return ::closedir(d); });
  std::vector<std::string> names;
  while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr)
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  return names;
}

// Bytes of all copies in one folder, partial ones included except `own`. Leftovers of killed processes are removed: a
// process that opens one at this moment sees after locking it that the name is gone.
std::uint64_t bytes_in(const FileDescriptor& folder, const std::string& own) {
  std::uint64_t bytes = 0;
  for (const std::string& name : names_in(folder)) {
    if (name == own) continue;
    if (name.ends_with(kPart)) {
      const FileDescriptor part = open_at(folder, name, O_RDONLY);
      if (part.valid() && ::flock(part.get(), LOCK_EX | LOCK_NB) == 0) {
        ::unlinkat(folder.get(), name.c_str(), 0);
        continue;
      }
    }
    struct stat status = {};
    if (::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode))
      bytes += static_cast<std::uint64_t>(status.st_size);
  }
  return bytes;
}

// Room on the disk now, where the file system can say so; later writes find out otherwise. Returns an errno value.
int allocate(const FileDescriptor& file, std::uint64_t bytes) {
  const auto size = static_cast<off_t>(bytes);
  if (::ftruncate(file.get(), 0) == 0 && ::fallocate(file.get(), 0, 0, size) == 0) return 0;
  if (errno != EOPNOTSUPP && errno != ENOSYS) return errno;
  return ::ftruncate(file.get(), size) == 0 ? 0 : errno;
}

int copy_pieces(const FileDescriptor& file, std::uint64_t bytes, const NodeCache::Source& source) {
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, bytes)));
  for (std::uint64_t at = 0; at < bytes;) {
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), bytes - at));
    source(at, std::span(piece).first(size));
    for (std::size_t done = 0; done < size;) {
      const ssize_t put = ::pwrite(file.get(), piece.data() + done, size - done, static_cast<off_t>(at + done));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return errno;
      done += static_cast<std::size_t>(put);
    }
    at += size;
  }
  // fsync before the rename: after a power cut a named copy must be complete.
  return ::fdatasync(file.get()) == 0 ? 0 : errno;
}

}  // namespace

NodeCache::NodeCache(const CacheSettings& settings, const std::string& key) : settings_(settings) {
  std::error_code ignored;  // opening tells
  if (settings.directory.has_parent_path()) fs::create_directories(settings.directory.parent_path(), ignored);
  ::mkdir(settings.directory.c_str(), kOwnerOnly);
  constexpr int kFolder = O_RDONLY | O_DIRECTORY;
  root_ = FileDescriptor(::open(settings.directory.c_str(), kFolder | O_NOFOLLOW | O_CLOEXEC));
  std::string unsafe = why_unsafe(root_);
  if (unsafe.empty()) {
    ::mkdirat(root_.get(), key.c_str(), kOwnerOnly);
    folder_ = open_at(root_, key, kFolder);
    unsafe = why_unsafe(folder_);
  }
  writes_ = unsafe.empty();
  if (unsafe.empty()) return;
  folder_ = FileDescriptor();
  log::warn("data.cache_dir={}: cannot be used: {}; scans are read from the cohort", settings.directory.string(),
            unsafe);
}

void NodeCache::stop_writing(const char* action, int error) {
  if (!writes_.exchange(false)) return;
  log::warn("data.cache_dir={}: cannot {} a copy: {}; scans without a copy are read from the cohort from now on",
            settings_.directory.string(), action, errno_text(error));
}

// The whole copy, or nothing. A link or a file of another size under the name is removed.
FileDescriptor NodeCache::open_copy(std::size_t scan, std::uint64_t bytes) const {
  const std::string name = copy_name(scan);
  FileDescriptor file = open_at(folder_, name, O_RDONLY);
  if (!file.valid() && errno != ELOOP && errno != ENXIO) return file;  // ENXIO: a socket
  struct stat status = {};
  if (file.valid() && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) &&
      static_cast<std::uint64_t>(status.st_size) == bytes)
    return file;
  ::unlinkat(folder_.get(), name.c_str(), 0);
  return {};
}

// Room for `bytes` below the cap and on the disk, taken by giving the part its size. One process at a time counts.
bool NodeCache::reserve(const FileDescriptor& part, const std::string& name, std::uint64_t bytes) {
  const FileDescriptor turn = open_at(root_, "lock", O_RDWR | O_CREAT, 0600);
  if (!turn.valid() || ::flock(turn.get(), LOCK_EX) != 0) return stop_writing("lock the folder for", errno), false;
  std::uint64_t used = 0;
  for (const std::string& cohort : names_in(root_)) {
    const FileDescriptor folder = open_at(root_, cohort, O_RDONLY | O_DIRECTORY);
    if (!folder.valid()) continue;
    used += bytes_in(folder, is_named(folder_, root_, cohort) ? name : "");
  }
  if (used > settings_.max_bytes || bytes > settings_.max_bytes - used) {
    std::uint64_t smallest = smallest_refused_;
    while (bytes < smallest && !smallest_refused_.compare_exchange_weak(smallest, bytes)) {
    }
    return false;
  }
  if (const int error = allocate(part, bytes)) return stop_writing("make room for", error), false;
  return true;
}

FileDescriptor NodeCache::make_copy(std::size_t scan, std::uint64_t bytes, const Source& source) {
  const std::string name = part_name(scan);
  FileDescriptor part = open_at(folder_, name, O_RDWR | O_CREAT, 0600);
  if (!part.valid()) {
    if (errno == ELOOP || errno == EISDIR || errno == ENXIO)
      ::unlinkat(folder_.get(), name.c_str(), 0);  // planted
    else
      stop_writing("make", errno);
    return {};
  }
  if (::flock(part.get(), LOCK_EX | LOCK_NB) != 0) return {};         // another process is copying it
  if (!is_named(part, folder_, name)) return open_copy(scan, bytes);  // it has just finished
  if (FileDescriptor made = open_copy(scan, bytes); made.valid()) {   // had finished before the part was opened
    ::unlinkat(folder_.get(), name.c_str(), 0);
    return made;
  }
  try {
    if (reserve(part, name, bytes)) {
      int error = copy_pieces(part, bytes, source);
      if (error == 0 && ::renameat(folder_.get(), name.c_str(), folder_.get(), copy_name(scan).c_str()) == 0)
        return part;
      stop_writing("write", error != 0 ? error : errno);
    }
  } catch (const DataError&) {  // the source failed; the read of the window reports it
  }
  ::unlinkat(folder_.get(), name.c_str(), 0);
  return {};
}

bool NodeCache::read(std::size_t scan, std::uint64_t bytes, std::uint64_t offset, std::span<std::byte> out,
                     const Source& source) {
  if (!folder_.valid()) return false;
  FileDescriptor copy = open_copy(scan, bytes);
  if (!copy.valid() && writes_ && bytes < smallest_refused_) copy = make_copy(scan, bytes, source);
  if (!copy.valid()) return false;
  try {
    read_exactly(copy, settings_.directory / copy_name(scan), offset, out);
    return true;
  } catch (const DataError&) {
    drop(scan);
    return false;
  }
}

void NodeCache::drop(std::size_t scan) {
  ::unlinkat(folder_.get(), copy_name(scan).c_str(), 0);
  log::warn("data.cache_dir={}: the copy of scan {} was damaged and is removed; the cohort is read instead",
            settings_.directory.string(), scan);
}

}  // namespace brainmt::io

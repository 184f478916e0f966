#include "io/directory_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace brainmt::io {
namespace {

struct Owner {
  std::string host, pid, job;
};

Owner this_process() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) std::strcpy(host.data(), "unknown-host");
  const char* job = std::getenv("SLURM_JOB_ID");
  return {host.data(), std::to_string(::getpid()), job && *job ? job : "-"};
}

// Empty fields when the file is empty: its owner left properly.
Owner read_owner(const FileDescriptor& file) {
  std::array<char, 512> text{};
  const ssize_t size = ::pread(file.get(), text.data(), text.size() - 1, 0);
  Owner owner;
  if (size > 0) std::istringstream(text.data()) >> owner.host >> owner.pid >> owner.job;
  return owner;
}

FileDescriptor open_lock(const std::filesystem::path& path, std::string_view key) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.valid())
    throw OutputError(fmt::format("{}: cannot open the lock file ({}): check that {} is writable", path.string(),
                                  errno_text(errno), key));
  return file;
}

// An owner may remove its directory before it unlocks: a lock on the removed file is worthless, so try again.
bool still_named(const FileDescriptor& file, const std::filesystem::path& path) {
  struct stat held = {}, named = {};
  return ::fstat(file.get(), &held) == 0 && ::lstat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
         held.st_dev == named.st_dev;
}

}  // namespace

DirectoryLock::DirectoryLock(const std::filesystem::path& directory, std::string_view key) {
  const std::filesystem::path path = directory / "lock";
  FileDescriptor file = open_lock(path, key);
  const Owner me = this_process();
  const bool free_here = ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
  const Owner owner = read_owner(file);
  const bool abandoned = owner.host.empty() || owner.host == me.host || (me.job != "-" && owner.job == me.job);
  if (!free_here || !abandoned)
    throw UsageError(
        fmt::format("{}: the directory is in use by process {} on {} (Slurm job {}): wait for it, "
                    "choose another {}, or remove this file if that process is certainly gone",
                    path.string(), owner.pid, owner.host, owner.job, key));
  if (!still_named(file, path))
    throw UsageError(fmt::format("{}: another process has just finished with the directory: try again", path.string()));
  if (!owner.host.empty())
    log::warn("{}: taking over the lock of dead process {} on {}", path.string(), owner.pid, owner.host);
  const std::string text = me.host + " " + me.pid + " " + me.job + "\n";
  if (::ftruncate(file.get(), 0) != 0) throw OutputError(fmt::format("{}: {}", path.string(), errno_text(errno)));
  write_all(file, path, text);
  file_ = std::move(file);
}

DirectoryLock::~DirectoryLock() { release(); }

void DirectoryLock::release() noexcept {
  if (file_.valid()) [[maybe_unused]]
    const int emptied = ::ftruncate(file_.get(), 0);
}

std::optional<std::string> lock_owner(const std::filesystem::path& directory) {
  const FileDescriptor file(::open((directory / "lock").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return std::nullopt;
  const Owner owner = read_owner(file);
  if (owner.host.empty()) return std::nullopt;
  const bool dropped = ::flock(file.get(), LOCK_SH | LOCK_NB) == 0;
  if (dropped && owner.host == this_process().host) return std::nullopt;
  return fmt::format("process {} on {}", owner.pid, owner.host);
}

}  // namespace brainmt::io

#include "train/run_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <span>
#include <sstream>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace brainmt::train {
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
Owner read_owner(const io::FileDescriptor& file) {
  std::array<char, 512> text{};
  const ssize_t size = ::pread(file.get(), text.data(), text.size() - 1, 0);
  Owner owner;
  if (size > 0) std::istringstream(text.data()) >> owner.host >> owner.pid >> owner.job;
  return owner;
}

io::FileDescriptor open_lock(const std::filesystem::path& path) {
  io::FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.valid())
    throw OutputError(fmt::format("{}: cannot open the lock file ({}): check that run.dir is writable", path.string(),
                                  io::errno_text(errno)));
  return file;
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& run_dir) {
  const std::filesystem::path path = run_dir / "lock";
  io::FileDescriptor file = open_lock(path);
  const Owner me = this_process();
  const bool free_here = ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
  const Owner owner = read_owner(file);
  const bool abandoned = owner.host.empty() || owner.host == me.host || (me.job != "-" && owner.job == me.job);
  if (!free_here || !abandoned)
    throw UsageError(
        fmt::format("{}: the run directory is in use by process {} on {} (Slurm job {}): wait for it, "
                    "choose another run.dir, or remove this file if that process is certainly gone",
                    path.string(), owner.pid, owner.host, owner.job));
  if (!owner.host.empty())
    log::warn("{}: taking over the lock of dead process {} on {}", path.string(), owner.pid, owner.host);
  const std::string text = me.host + " " + me.pid + " " + me.job + "\n";
  if (::ftruncate(file.get(), 0) != 0) throw OutputError(fmt::format("{}: {}", path.string(), io::errno_text(errno)));
  io::write_all(file, path, std::as_bytes(std::span(text)));
  file_ = std::move(file);
}

RunLock::~RunLock() {
  if (file_.valid()) [[maybe_unused]]
    const int emptied = ::ftruncate(file_.get(), 0);
}

}  // namespace brainmt::train

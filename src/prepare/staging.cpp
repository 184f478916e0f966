#include "prepare/staging.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/log.hpp"
#include "comm/agreement.hpp"
#include "io/byte_source.hpp"
#include "io/checksum.hpp"

namespace brainmt::prepare {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormat = "staged scan 3";  // a new number invalidates scans staged by older versions
constexpr std::string_view kEnding = ".scan";
constexpr std::string_view kTemporary = ".tmp-";

std::string hash_of(const std::string& text) { return io::sha256(std::as_bytes(std::span(text))); }

// `<target>.tmp-<16 hexadecimal digits>`, as io::create_beside() names files; `target` empty: of any target.
bool is_leftover(const std::string& name, const std::string& target) {
  constexpr std::size_t kDigits = 16;
  const std::size_t mark = name.rfind(kTemporary);
  if (mark == std::string::npos || name.size() != mark + kTemporary.size() + kDigits) return false;
  if (!target.empty() && name.substr(0, mark) != target) return false;
  return name.find_first_not_of("0123456789abcdef", mark + kTemporary.size()) == std::string::npos;
}

void remove_leftovers(const fs::path& directory, std::initializer_list<std::string> targets) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool ours = std::ranges::any_of(targets, [&](const std::string& t) { return is_leftover(name, t); });
    if (!ours) continue;
    std::error_code ignored;
    if (fs::remove(entry->path(), ignored))
      log::info("removed '{}', left by a preparation that was killed", entry->path().string());
  }
}

void make_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directory(directory, error);
  struct stat status = {};
  const bool there = ::lstat(directory.c_str(), &status) == 0;
  if (there && S_ISDIR(status.st_mode)) return;
  throw OutputError(fmt::format("cannot make the directory '{}': {}", directory.string(),
                                there ? "a file or link has its name" : error.message()));
}

// The directory is removed with its content later, so it must hold only our files.
void refuse_strangers(const fs::path& directory) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name == "lock" || name.ends_with(kEnding) || is_leftover(name, "")) continue;
    throw OutputError(fmt::format("'{}': '{}' is no file of a preparation: move it away, or choose another output",
                                  directory.string(), name));
  }
}

bool has_scans(const fs::path& directory) {
  std::error_code ignored;
  return std::any_of(fs::directory_iterator(directory, ignored), fs::directory_iterator(),
                     [](const auto& entry) { return entry.path().extension() == kEnding; });
}

}  // namespace

FileStamp stamp_of(const fs::path& path) {
  struct stat status = {};
  if (::stat(io::file_on_disk(path).c_str(), &status) != 0) {
    throw io::UnreadableError(fmt::format("cannot look at '{}': {}", path.string(), io::errno_text(errno)));
  }
  return {static_cast<std::uint64_t>(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

std::string scan_identity(const std::string& source, const FileStamp& stamp, const fs::path& motion,
                          const fs::path& mask, const std::string& options) {
  std::string text =
      fmt::format("{}\n{}\n{} {} {}\n{}\n", kFormat, source, stamp.size, stamp.seconds, stamp.nanoseconds, options);
  const auto add = [&](const char* name, const fs::path& file) {
    if (file.empty()) return;
    const FileStamp s = stamp_of(file);
    text += fmt::format("{} {} {} {}\n", name, s.size, s.seconds, s.nanoseconds);
  };
  add("motion", motion);
  add("mask", mask);
  return hash_of(text);
}

Staging::Staging(comm::Communicator& comm, const fs::path& output, const fs::path& report) : directory_(output) {
  directory_ += ".staging";
  comm::run_agreed(comm, [&] {
    if (comm.rank() != 0) return;
    make_directory(directory_);
    refuse_strangers(directory_);
    lock_.emplace(directory_, "output");
    unfinished_.emplace([directory = directory_] {
      std::error_code ignored;
      if (!has_scans(directory)) fs::remove_all(directory, ignored);
    });
    remove_leftovers(directory_, {""});
    remove_leftovers(output.has_parent_path() ? output.parent_path() : fs::path("."),
                     {output.filename().string(), report.filename().string()});
  });
}

Staging::~Staging() {
  if (!lock_) return;
  if (!has_scans(directory_)) remove();
}

fs::path Staging::file_of(const std::string& source) const {
  constexpr std::size_t kDigits = 32;
  return directory_ / (hash_of(source).substr(0, kDigits) + std::string(kEnding));
}

std::optional<StagedScan> Staging::find(const std::string& source, const std::string& identity) const {
  const fs::path path = file_of(source);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  try {
    StagedScan scan(path);
    if (scan.header().identity != identity) return std::nullopt;
    scan.verify();
    return scan;
  } catch (const DataError& error) {
    log::warn("making a staged scan again: {}", error.what());
    return std::nullopt;
  }
}

void Staging::remove() {
  std::error_code error;
  fs::remove_all(directory_, error);
  if (error) log::warn("cannot remove '{}': {}", directory_.string(), error.message());
}

}  // namespace brainmt::prepare

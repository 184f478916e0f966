#include "io/folder_beside.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "io/atomic_file.hpp"

namespace brainmt::io {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& target, int error) {
  throw OutputError(
      fmt::format("'{}': cannot be written: {}", target.string(), std::generic_category().message(error)));
}

fs::path resolved(fs::path target) {
  std::error_code unknown;
  if (fs::is_symlink(target, unknown) && fs::is_directory(target, unknown)) target = fs::canonical(target, unknown);
  return target;
}

// Exchanges the two; on file systems that cannot, in two renames. False: the target did not exist, and now is `path`.
bool take_name(const fs::path& path, const fs::path& target) {
  if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0) return false;
  if (errno != EEXIST && errno != EINVAL && errno != ENOSYS) fail(target, errno);
  if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) return true;
  if (errno == ENOENT) {  // no older one
    if (::rename(path.c_str(), target.c_str()) != 0) fail(target, errno);
    return false;
  }
  const fs::path aside = path.string() + ".old";
  if (::rename(target.c_str(), aside.c_str()) != 0) {
    if (errno != ENOENT) fail(target, errno);
    if (::rename(path.c_str(), target.c_str()) != 0) fail(target, errno);
    return false;
  }
  if (::rename(path.c_str(), target.c_str()) != 0) {
    const int error = errno;
    ::rename(aside.c_str(), target.c_str());
    fail(target, error);
  }
  ::rename(aside.c_str(), path.c_str());
  return true;
}

}  // namespace

FolderBeside::FolderBeside(fs::path target) : target_(resolved(std::move(target))) {
  std::error_code error;
  if (target_.has_parent_path()) fs::create_directories(target_.parent_path(), error);
  if (error) fail(target_, error.value());
  if (fs::exists(fs::symlink_status(target_, error)) && !fs::is_directory(target_, error)) fail(target_, ENOTDIR);
  std::string made = target_.string() + ".tmp-XXXXXX";
  unfinished_.emplace(
      [this_path = &path_] {
        std::error_code ignored;
        fs::remove_all(*this_path, ignored);
      },
      [&] {
        if (::mkdtemp(made.data()) == nullptr) fail(target_, errno);
        path_ = made;
        const mode_t mask = ::umask(0);
        ::umask(mask);
        ::chmod(made.c_str(), 0777 & ~mask);
      });
}

FolderBeside::~FolderBeside() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

void FolderBeside::commit(const std::function<bool(const fs::path&)>& keep) {
  sync_directory(path_);
  std::vector<fs::path> kept;
  std::error_code unknown;
  for (const auto& entry : fs::directory_iterator(target_, unknown))
    if (!fs::exists(fs::symlink_status(path_ / entry.path().filename())) && keep(entry.path()))
      kept.push_back(entry.path().filename());
  const Unfinished whole([] {},
                         [&] {
                           if (!take_name(path_, target_)) return;
                           for (const fs::path& name : kept)
                             if (::rename((path_ / name).c_str(), (target_ / name).c_str()) != 0) {
                               const int error = errno;
                               path_.clear();  // what could not be moved is not removed
                               fail(target_, error);
                             }
                         });
  sync_directory(target_.parent_path().empty() ? fs::path(".") : target_.parent_path());
}

}  // namespace brainmt::io

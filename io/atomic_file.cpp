#include "io/atomic_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <system_error>

#include "base/error.hpp"

namespace brainmt::io {
namespace {

[[noreturn]] void fail(const char* action, const std::filesystem::path& path, int error) {
  throw OutputError(fmt::format("cannot {} '{}': {}", action, path.string(), errno_text(error)));
}

}  // namespace

TemporaryFile create_beside(const std::filesystem::path& target) {
  constexpr int kAttempts = 16;
  std::random_device random;
  int error = 0;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::filesystem::path path = target;
    path += fmt::format(".tmp-{:08x}{:08x}", random(), random());
    FileDescriptor fd;
    Unfinished unfinished(path, [&] {
      fd = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
      error = errno;
    });
    if (fd.valid()) return {std::move(fd), std::move(path), std::move(unfinished)};
    if (error != EEXIST) break;
  }
  fail("create a file beside", target, error);
}

void sync_file(const std::filesystem::path& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) fail("open", path, errno);
  if (::fsync(fd.get()) != 0) fail("synchronise", path, errno);
}

void sync_directory(const std::filesystem::path& directory) {
  const std::filesystem::path name = directory.empty() ? "." : directory;
  const FileDescriptor fd(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) fail("open the directory", name, errno);
  // Some file systems cannot fsync a directory and return EINVAL.
  if (::fsync(fd.get()) != 0 && errno != EINVAL) fail("synchronise the directory", name, errno);
}

void rename_durably(const std::filesystem::path& temporary, const std::filesystem::path& target) {
  if (::rename(temporary.c_str(), target.c_str()) != 0) fail("put in place", target, errno);
  sync_directory(target.parent_path());
}

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)), temporary_(create_beside(target_)) {}

AtomicFile::~AtomicFile() {
  if (!committed_) ::unlink(temporary_.path.c_str());
}

void AtomicFile::write(std::span<const std::byte> data) { write_all(temporary_.fd, target_, data); }

void AtomicFile::commit() {
  if (::fsync(temporary_.fd.get()) != 0) fail("synchronise", target_, errno);
  if (const int error = temporary_.fd.close()) fail("close", target_, error);
  rename_durably(temporary_.path, target_);
  committed_ = true;
}

void write_atomically(const std::filesystem::path& target, std::string_view content) {
  AtomicFile file(target);
  file.write(content);
  file.commit();
}

}  // namespace brainmt::io

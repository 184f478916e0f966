// Preloaded into a program (LD_PRELOAD), it stands between it and the system's file calls:
//
//   IO_SHIM_TRACE=FILE            appends a line `<call> <path>` for every write, fsync, rename, close of the files
//   below IO_SHIM_FAIL=CALL:ERRNO:TEXT  lets CALL (write, fsync, close, rename) on a path with TEXT in it fail with
//   that number
//
// What a full disk or a broken device would do to any call, on any file system and for any user.
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

std::string path_of(int fd) {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path.data(), path.size() - 1);
  return size > 0 ? std::string(path.data()) : std::string();
}

void trace(const char* call, const std::string& path) {
  static auto* const write_on = next<ssize_t(int, const void*, size_t)>("write");
  static const char* const file = std::getenv("IO_SHIM_TRACE");
  if (file == nullptr || path.find("/checkpoints") == std::string::npos) return;
  const int fd = ::open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const std::string line = std::string(call) + " " + path + "\n";
  if (fd < 0 || write_on(fd, line.data(), line.size()) < 0) std::abort();
  next<int(int)>("close")(fd);
}

// Sets errno and returns true when this call is to fail.
bool fails(const char* call, const std::string& path) {
  static const char* const plan = std::getenv("IO_SHIM_FAIL");
  if (plan == nullptr) return false;
  const char* number = std::strchr(plan, ':');
  const char* text = number ? std::strchr(number + 1, ':') : nullptr;
  if (text == nullptr) std::abort();
  const bool this_call = std::string(plan, number) == call && path.find(text + 1) != std::string::npos;
  if (this_call) errno = std::atoi(number + 1);
  return this_call;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t count) {
  static auto* const on = next<ssize_t(int, const void*, size_t)>("write");
  const std::string path = path_of(fd);
  if (fails("write", path)) return -1;
  trace("write", path);
  return on(fd, data, count);
}

int fsync(int fd) {
  static auto* const on = next<int(int)>("fsync");
  const std::string path = path_of(fd);
  if (fails("fsync", path)) return -1;
  trace("fsync", path);
  return on(fd);
}

int close(int fd) {
  static auto* const on = next<int(int)>("close");
  const std::string path = path_of(fd);
  const bool failed = fails("close", path);
  const int error = errno, result = on(fd);
  if (!failed) return result;
  errno = error;
  return -1;
}

int rename(const char* from, const char* to) {
  static auto* const on = next<int(const char*, const char*)>("rename");
  if (fails("rename", to)) return -1;
  trace("rename", std::string(from) + " " + to);
  return on(from, to);
}

}  // extern "C"

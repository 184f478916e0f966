#pragma once
// What all targets share: a finding, the only way to refuse input, and bytes as a file that a reader can open.
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "base/error.hpp"
#include "fuzz/targets.hpp"
#include "io/file_descriptor.hpp"

namespace brainmt::fuzz {

struct Broken : std::logic_error {
  using std::logic_error::logic_error;
};

inline void require(bool holds, const char* property) {
  if (!holds) throw Broken(property);
}

/// Runs `read` and returns true, or false when it refused its input with `Refusal`. What is said of files from
/// strangers is one printable line of bounded length; of the user's own, main() makes one.
template <class Refusal, class Read>
bool accepted(Read&& read) {
  try {
    read();
  } catch (const Refusal& refusal) {
    const std::string message = refusal.what();
    require(!message.empty(), "a refusal says why");
    if constexpr (std::is_same_v<Refusal, DataError>) {
      require(message.size() < 1024, "a refusal can be read");
      for (const char c : message) {
        require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f', "a refusal has no control characters");
      }
    }
    return false;
  }
  return true;
}

/// The bytes as a regular file that lies in memory.
class MemoryFile {
 public:
  explicit MemoryFile(Bytes bytes) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (!fd_.valid()) throw std::runtime_error("memfd_create failed");
    io::write_all(fd_, "memory", bytes);
  }
  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }

 private:
  io::FileDescriptor fd_;
};

}  // namespace brainmt::fuzz

#pragma once
// One process at a time per directory. The lock is a file `lock` that is flock()ed and names its owner as
// `<host> <pid> <Slurm job or ->`. A lock whose owner is dead (the kernel dropped its flock on this host, or it
// belonged to an earlier start of the same Slurm job) is taken over; anything else is refused.
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "io/file_descriptor.hpp"

namespace brainmt::io {

class DirectoryLock {
 public:
  /// Takes the lock of `directory` (which exists). `key` is what the user set to choose it, for messages. Throws
  /// UsageError naming the owner when another process holds it, OutputError when the file cannot be made.
  DirectoryLock(const std::filesystem::path& directory, std::string_view key);
  /// The file stays (removing it would race with a process that has just opened it); empty means no owner.
  ~DirectoryLock();
  /// The directory is free from here on, also for other hosts: for a process that is about to end without destructors.
  void release() noexcept;
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  FileDescriptor file_;
};

/// "process 4711 on node7" where the lock of `directory` is held: by a live process of this host, or as far as can be
/// told from here by one of another. Looks without taking it.
std::optional<std::string> lock_owner(const std::filesystem::path& directory);

}  // namespace brainmt::io

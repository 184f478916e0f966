#pragma once
// One process at a time per run directory. The lock is a file `lock` that is flock()ed and names its owner as
// `<host> <pid> <Slurm job or ->`. A lock whose owner is dead (the kernel dropped its flock on this host, or it
// belonged to an earlier start of the same Slurm job) is taken over; anything else is refused.
#include <filesystem>

#include "io/file_descriptor.hpp"

namespace brainmt::train {

class RunLock {
 public:
  /// Takes the lock of `run_dir` (which exists). Throws UsageError naming the owner when another process holds it.
  explicit RunLock(const std::filesystem::path& run_dir);
  /// The file stays (removing it would race with a process that has just opened it); empty means nobody owns it.
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  io::FileDescriptor file_;
};

}  // namespace brainmt::train

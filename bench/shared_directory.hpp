#pragma once
// A folder of its own where temporary files go ($TMPDIR): made by rank 0, known to all, and gone with rank 0's object,
// so ranks that still read in it must be waited for.
#include <filesystem>
#include <optional>
#include <string>

#include "base/unfinished.hpp"
#include "comm/communicator.hpp"

namespace brainmt::bench {

class SharedDirectory {
 public:
  /// Collective. Throws OutputError on every rank.
  explicit SharedDirectory(comm::Communicator& comm);
  ~SharedDirectory();
  SharedDirectory(const SharedDirectory&) = delete;
  SharedDirectory& operator=(const SharedDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  bool root_;
  std::filesystem::path path_;
  std::optional<Unfinished> unfinished_;  // of rank 0
};

}  // namespace brainmt::bench

#include "bench/shared_directory.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <system_error>

#include "base/error.hpp"

namespace brainmt::bench {

SharedDirectory::SharedDirectory(comm::Communicator& comm) : root_(comm.rank() == 0) {
  std::array<char, 4096> name{};
  const std::string pattern = (std::filesystem::temp_directory_path() / "brainmt-bench-XXXXXX").string();
  std::copy_n(pattern.begin(), std::min(pattern.size(), name.size() - 1), name.begin());
  if (root_ && ::mkdtemp(name.data()) == nullptr) name.fill('\0');
  comm.broadcast(name.data(), name.size(), comm::DataType::kByte, 0);
  if (name[0] == '\0')
    throw OutputError(fmt::format("cannot make '{}': choose another directory with TMPDIR", pattern));
  path_ = name.data();
  if (root_) unfinished_.emplace(path_);
}

SharedDirectory::~SharedDirectory() {
  std::error_code ignored;
  if (root_) std::filesystem::remove_all(path_, ignored);
}

}  // namespace brainmt::bench

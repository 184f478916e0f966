#include "prepare/spill.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "io/atomic_file.hpp"

namespace brainmt::prepare {

Spill::Spill(const std::filesystem::path& directory) : shown_(directory / "values of a scan") {
  const io::TemporaryFile made = io::create_beside(directory / "spill");
  file_ = io::FileDescriptor(::open(made.path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  const int error = errno;
  ::unlink(made.path.c_str());
  if (!file_.valid()) {
    throw OutputError(fmt::format("cannot open a file in '{}': {}", directory.string(), io::errno_text(error)));
  }
}

void Spill::clear() {
  written_ = read_ = 0;
  ::lseek(file_.get(), 0, SEEK_SET);
}

// Each row is preceded by its length.
void Spill::append(std::span<const float> row) {
  const std::uint64_t count = row.size();
  io::write_all(file_, shown_, std::as_bytes(std::span(&count, 1)));
  io::write_all(file_, shown_, std::as_bytes(row));
  written_ += sizeof(count) + row.size_bytes();
}

std::span<const float> Spill::next(std::span<float> room) {
  std::uint64_t count = 0;
  BRAINMT_CHECK(read_ < written_, "there is no further row");
  io::read_exactly(file_, shown_, read_, std::as_writable_bytes(std::span(&count, 1)));
  BRAINMT_CHECK(count <= room.size(), "a row of {} values, room for {}", count, room.size());
  io::read_exactly(file_, shown_, read_ + sizeof(count), std::as_writable_bytes(room.first(count)));
  read_ += sizeof(count) + count * sizeof(float);
  return room.first(count);
}

}  // namespace brainmt::prepare

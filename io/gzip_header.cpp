#include "io/gzip_header.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "io/checksum.hpp"

namespace brainmt::io {
namespace {

enum Flag : unsigned { kHeaderChecksum = 2, kExtra = 4, kName = 8, kComment = 16, kReserved = 0xE0 };

// The bytes of the header one by one, with the checksum of those that passed.
class HeaderBytes {
 public:
  HeaderBytes(ByteSource& file, std::uint64_t first) : file_(file), first_(first), size_(file.size() - first) {}

  std::uint64_t passed() const { return passed_; }
  bool cut_short() const { return cut_short_; }
  std::uint32_t checksum() const { return crc32(std::span(buffer_).first(at_), checksum_); }

  // 0 from the end of the file on.
  unsigned next() {
    if (at_ == filled_ && !fill()) return 0;
    ++passed_;
    return std::to_integer<unsigned>(buffer_[at_++]);
  }
  unsigned next_two() {
    const unsigned low = next();
    return low | next() << 8;
  }
  void pass(std::uint64_t count) {
    while (count-- > 0 && !cut_short_) next();
  }
  void pass_text() {
    while (next() != 0) {
    }
  }

 private:
  bool fill() {
    checksum_ = checksum();
    at_ = filled_ = 0;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), size_ - passed_));
    cut_short_ = count == 0;
    if (cut_short_) return false;
    file_.read(first_ + passed_, std::span(buffer_).first(count));
    filled_ = count;
    return true;
  }

  ByteSource& file_;
  std::uint64_t first_, size_, passed_ = 0;
  std::uint32_t checksum_ = 0;  // of what was in the buffer before
  std::size_t at_ = 0, filled_ = 0;
  bool cut_short_ = false;
  std::array<std::byte, 512> buffer_{};
};

}  // namespace

std::optional<GzipHeader> read_gzip_header(ByteSource& file, std::uint64_t first) {
  constexpr unsigned kDeflate = 8;
  constexpr std::uint64_t kMagic = 2, kTimeAndSystem = 6;
  HeaderBytes bytes(file, first);
  bytes.pass(kMagic);
  const unsigned method = bytes.next(), flags = bytes.next();
  bytes.pass(kTimeAndSystem);
  if (bytes.cut_short()) return std::nullopt;
  if (method != kDeflate) return GzipHeader{bytes.passed(), "unknown compression method"};
  if (flags & kReserved) return GzipHeader{bytes.passed(), "unknown header flags set"};
  if (flags & kExtra) bytes.pass(bytes.next_two());
  if (flags & kName) bytes.pass_text();
  if (flags & kComment) bytes.pass_text();
  const unsigned expected = bytes.checksum() & 0xFFFFu;
  const bool wrong = (flags & kHeaderChecksum) && bytes.next_two() != expected;
  if (bytes.cut_short()) return std::nullopt;
  return GzipHeader{bytes.passed(), wrong ? "header crc mismatch" : ""};
}

}  // namespace brainmt::io

#include "io/zip_archive.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "io/checksum.hpp"
#include "io/inflater.hpp"
#include "io/printable.hpp"

namespace brainmt::io {
namespace {

constexpr std::uint64_t kLargestRatio = 1032;  // of deflate
constexpr std::uint64_t kMostDirectoryBytes = std::uint64_t{64} << 20;
constexpr unsigned kStored = 0, kDeflated = 8, kEncrypted = 1;
constexpr std::uint32_t kWide = 0xFFFFFFFFu;  // the value stands in a field of 64 bits

constexpr std::string_view kEndRecord = "PK\5\6", kWideEndRecord = "PK\6\6", kWideLocator = "PK\6\7";
constexpr std::string_view kEntry = "PK\1\2", kLocalHeader = "PK\3\4";
constexpr std::uint64_t kEndBytes = 22, kWideEndBytes = 56, kLocatorBytes = 20, kEntryBytes = 46, kLocalBytes = 30;

// A little-endian number at an offset; the caller has made sure that it is there.
std::uint64_t number(std::span<const std::byte> bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
  return value;
}

bool starts_with(std::span<const std::byte> bytes, std::string_view mark) {
  return bytes.size() >= mark.size() && std::memcmp(bytes.data(), mark.data(), mark.size()) == 0;
}

// A stored member: a piece of the file.
class StoredMember final : public ByteSource {
 public:
  StoredMember(std::filesystem::path path, std::uint64_t first, std::uint64_t size)
      : path_(std::move(path)), fd_(open_for_reading(path_)), first_(first), size_(size) {}

  std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> out) override {
    if (offset > size_ || out.size() > size_ - offset)
      throw DataError(fmt::format("'{}': the archive's member ends after {} bytes", path_.string(), size_));
    read_exactly(fd_, path_, first_ + offset, out);
  }

 private:
  std::filesystem::path path_;
  FileDescriptor fd_;
  std::uint64_t first_, size_;
};

// A deflated member. The content inflated last stays in a window, so that a reader may look back a little.
class DeflatedMember final : public ByteSource {
 public:
  struct Extent {
    std::uint64_t first, packed, size;  // where its bytes are in the file, how many; bytes of content
    std::uint32_t checksum;
  };
  DeflatedMember(std::filesystem::path path, const Extent& extent)
      : path_(std::move(path)),
        fd_(open_for_reading(path_)),
        extent_(extent),
        inflater_(make_inflater(Inflation::kFastest)),
        window_(2 * kLookBack),
        input_(kInputBytes) {}

  std::uint64_t size() const override { return extent_.size; }

  void read(std::uint64_t offset, std::span<std::byte> out) override {
    if (offset > extent_.size || out.size() > extent_.size - offset)
      fail(fmt::format("ends after {} bytes", extent_.size));
    if (offset < begin_) restart();
    while (!out.empty()) {
      if (offset >= begin_ + filled_) {
        inflate_more();
        continue;
      }
      const std::size_t at = static_cast<std::size_t>(offset - begin_), count = std::min(out.size(), filled_ - at);
      std::copy_n(window_.begin() + static_cast<std::ptrdiff_t>(at), count, out.begin());
      offset += count;
      out = out.subspan(count);
    }
  }

 private:
  static constexpr std::size_t kLookBack = std::size_t{512} << 10, kInputBytes = std::size_t{128} << 10;

  [[noreturn]] void fail(std::string_view why) const {
    throw DataError(fmt::format("'{}': the archive's member {}", path_.string(), why));
  }
  [[noreturn]] void fail_damaged(std::string_view why) const {
    fail(fmt::format("is damaged after {} bytes of content: {}; download the archive again", begin_ + filled_, why));
  }

  void restart() {
    inflater_->reset();
    begin_ = taken_ = 0;
    filled_ = 0;
    checksum_ = 0;
  }

  // One step of the stream into `out`, which is not empty.
  Inflater::Step step(std::span<std::byte> out) {
    bool at_end = false;
    if (inflater_->needs_input()) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(input_.size(), extent_.packed - taken_));
      at_end = count == 0;
      read_exactly(fd_, path_, extent_.first + taken_, std::span(input_).first(count));
      taken_ += count;
      inflater_->give(std::span(input_).first(count));
    }
    const Inflater::Step step = inflater_->inflate(out);
    if (!step.damage.empty()) fail_damaged(step.damage);
    const bool stuck = step.produced == 0 && !step.ended;
    if (stuck && (at_end || !inflater_->needs_input())) fail_damaged("it is cut short");
    return step;
  }

  void inflate_more() {
    if (filled_ == window_.size()) {  // the older half goes
      std::copy(window_.begin() + kLookBack, window_.end(), window_.begin());
      begin_ += kLookBack;
      filled_ = kLookBack;
    }
    const std::uint64_t left = extent_.size - begin_ - filled_;
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(window_.size() - filled_, left));
    const std::span<std::byte> out = std::span(window_).subspan(filled_, most);
    Inflater::Step done = step(out);
    checksum_ = crc32(out.first(done.produced), checksum_);
    filled_ += done.produced;
    if (done.produced < left) {
      if (done.ended) fail_damaged(fmt::format("it ends, its entry says {} bytes", extent_.size));
      return;
    }
    // All content is there: nothing may follow, and it must be what was packed.
    for (std::byte extra; !done.ended;) {
      done = step(std::span(&extra, 1));
      if (done.produced > 0) fail_damaged("more follows than its entry says");
    }
    if (checksum_ != extent_.checksum) fail_damaged("incorrect data check");
  }

  std::filesystem::path path_;
  FileDescriptor fd_;
  Extent extent_;
  std::unique_ptr<Inflater> inflater_;
  std::vector<std::byte> window_, input_;
  std::uint64_t begin_ = 0, taken_ = 0;  // offset of the window in the content; packed bytes taken
  std::size_t filled_ = 0;               // of the window
  std::uint32_t checksum_ = 0;           // of all content so far
};

}  // namespace

ZipArchive::ZipArchive(std::filesystem::path path) : path_(std::move(path)), fd_(open_for_reading(path_)) {
  size_ = file_size(fd_, path_);
  read_members(find_directory());
}

void ZipArchive::fail(std::string_view why) const {
  throw DataError(
      fmt::format("'{}': is no whole zip archive of {} bytes: {}; download it again", path_.string(), size_, why));
}

std::vector<std::byte> ZipArchive::read(std::uint64_t offset, std::uint64_t count) const {
  if (offset > size_ || count > size_ - offset) fail(fmt::format("{} bytes are needed at {}", count, offset));
  std::vector<std::byte> bytes(static_cast<std::size_t>(count));
  read_exactly(fd_, path_, offset, bytes);
  return bytes;
}

// The end record is the last thing in the file, but for a comment of at most 65535 bytes.
ZipArchive::Directory ZipArchive::find_directory() const {
  const std::uint64_t tail = std::min<std::uint64_t>(size_, kEndBytes + 0xFFFFu);
  const std::vector<std::byte> bytes = read(size_ - tail, tail);
  for (std::size_t at = tail < kEndBytes ? 0 : static_cast<std::size_t>(tail - kEndBytes) + 1; at-- > 0;) {
    const auto record = std::span(bytes).subspan(at);
    if (!starts_with(record, kEndRecord) || number(record, 20, 2) > record.size() - kEndBytes) continue;
    const std::uint64_t offset = size_ - tail + at;
    Directory directory{number(record, 10, 2), number(record, 12, 4), number(record, 16, 4)};
    const bool wide = directory.entries == 0xFFFFu || directory.bytes == kWide || directory.offset == kWide;
    if (wide && offset >= kLocatorBytes) directory = read_wide(offset - kLocatorBytes);
    if (directory.offset > offset || directory.bytes > offset - directory.offset)
      fail(fmt::format("its directory of {} bytes at {} does not lie before its end", directory.bytes,
                       directory.offset));
    if (directory.bytes > kMostDirectoryBytes)
      fail(fmt::format("its directory has {} bytes, more than {}", directory.bytes, kMostDirectoryBytes));
    return directory;
  }
  fail("the directory at its end is missing");
}

ZipArchive::Directory ZipArchive::read_wide(std::uint64_t locator) const {
  const std::vector<std::byte> pointer = read(locator, kLocatorBytes);
  if (!starts_with(pointer, kWideLocator)) fail("its 64-bit end record is missing");
  const std::vector<std::byte> record = read(number(pointer, 8, 8), kWideEndBytes);
  if (!starts_with(record, kWideEndRecord)) fail("its 64-bit end record is missing");
  return {number(record, 32, 8), number(record, 40, 8), number(record, 48, 8)};
}

void ZipArchive::read_members(const Directory& directory) {
  const std::vector<std::byte> bytes = read(directory.offset, directory.bytes);
  std::span<const std::byte> rest(bytes);
  for (std::uint64_t entry = 0; entry < directory.entries; ++entry) {
    const auto damaged = [&] { fail(fmt::format("entry {} of its directory is damaged", entry + 1)); };
    if (rest.size() < kEntryBytes || !starts_with(rest, kEntry)) damaged();
    Member member{static_cast<unsigned>(number(rest, 8, 2)),
                  static_cast<unsigned>(number(rest, 10, 2)),
                  static_cast<std::uint32_t>(number(rest, 16, 4)),
                  number(rest, 20, 4),
                  number(rest, 24, 4),
                  number(rest, 42, 4)};
    const std::size_t name = number(rest, 28, 2), extra = number(rest, 30, 2), comment = number(rest, 32, 2);
    if (rest.size() - kEntryBytes < name + extra + comment) damaged();
    const auto text = rest.subspan(kEntryBytes, name);
    if (!widen(member, rest.subspan(kEntryBytes + name, extra))) damaged();
    members_.try_emplace(std::string(reinterpret_cast<const char*>(text.data()), text.size()), member);
    rest = rest.subspan(kEntryBytes + name + extra + comment);
  }
}

// Takes from the extra field 1 what does not fit into 32 bits; false: it is not there.
bool ZipArchive::widen(Member& member, std::span<const std::byte> extra) {
  constexpr std::uint64_t kWideField = 1;
  constexpr std::size_t kFieldHeader = 4, kNumber = 8;
  std::span<const std::byte> wide;
  while (extra.size() >= kFieldHeader) {
    const std::size_t bytes = std::min<std::size_t>(number(extra, 2, 2), extra.size() - kFieldHeader);
    if (number(extra, 0, 2) == kWideField) wide = extra.subspan(kFieldHeader, bytes);
    extra = extra.subspan(kFieldHeader + bytes);
  }
  for (std::uint64_t* value : {&member.size, &member.packed, &member.header}) {
    if (*value != kWide) continue;
    if (wide.size() < kNumber) return false;
    *value = number(wide, 0, kNumber);
    wide = wide.subspan(kNumber);
  }
  return true;
}

std::unique_ptr<ByteSource> ZipArchive::open(const std::string& name) const {
  const auto found = members_.find(name);
  if (found == members_.end()) throw DataError(fmt::format("'{}': has no member {}", path_.string(), printable(name)));
  const Member& member = found->second;
  const auto refuse = [&](std::string_view why) {
    throw DataError(fmt::format("'{}': its member {} {}", path_.string(), printable(name), why));
  };
  if (member.flags & kEncrypted) refuse("is encrypted: unpack the archive with its password");
  if (member.method != kStored && member.method != kDeflated)
    refuse(fmt::format("is compressed by method {}, expected 0 or 8: unpack the archive", member.method));
  const std::vector<std::byte> local = read(member.header, kLocalBytes);
  if (!starts_with(local, kLocalHeader)) refuse("is not where the directory says; download the archive again");
  const std::uint64_t first = member.header + kLocalBytes + number(local, 26, 2) + number(local, 28, 2);
  if (first > size_ || member.packed > size_ - first)
    refuse(fmt::format("has {} bytes at {}, the archive {}; download it again", member.packed, first, size_));
  const bool stored = member.method == kStored;
  if (stored ? member.size != member.packed : member.size / kLargestRatio > member.packed)
    refuse(fmt::format("cannot have {} bytes, packed {}; download the archive again", member.size, member.packed));
  if (stored) return std::make_unique<StoredMember>(path_, first, member.size);
  return std::make_unique<DeflatedMember>(path_,
                                          DeflatedMember::Extent{first, member.packed, member.size, member.checksum});
}

}  // namespace brainmt::io

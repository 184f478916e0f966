#include "io/zip_archive.hpp"

#ifdef BRAINMT_HAVE_LIBZIP
#include <zip.h>
#endif

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "io/file_descriptor.hpp"
#include "io/printable.hpp"

namespace brainmt::io {

#ifdef BRAINMT_HAVE_LIBZIP

namespace {

constexpr std::uint64_t kMaxRatio = 1032;  // of deflate

using MemberFile = std::unique_ptr<zip_file_t, decltype(&zip_fclose)>;

std::uint64_t size_of(const std::filesystem::path& path) { return file_size(open_for_reading(path), path); }

[[noreturn]] void refuse_archive(const std::filesystem::path& path, std::uint64_t size, std::string_view why) {
  throw DataError(
      fmt::format("'{}': is no whole zip archive of {} bytes: {}; download it again", path.string(), size, why));
}

// libzip reads forward only. A window keeps the content read last, so that a reader may step back a little.
class ZipMember final : public ByteSource {
 public:
  ZipMember(std::filesystem::path path, std::shared_ptr<zip> archive, std::uint64_t index, std::uint64_t size)
      : path_(std::move(path)), archive_(std::move(archive)), index_(index), size_(size), window_(2 * kLookBack) {
    restart();
  }

  std::uint64_t size() const override { return size_; }

  void read(std::uint64_t offset, std::span<std::byte> out) override {
    if (offset > size_ || out.size() > size_ - offset)
      throw DataError(fmt::format("'{}': the archive's member ends after {} bytes", path_.string(), size_));
    if (offset < begin_) restart();
    while (!out.empty()) {
      if (offset >= begin_ + filled_) {
        read_more();
        continue;
      }
      const std::size_t at = static_cast<std::size_t>(offset - begin_), count = std::min(out.size(), filled_ - at);
      std::copy_n(window_.begin() + static_cast<std::ptrdiff_t>(at), count, out.begin());
      offset += count;
      out = out.subspan(count);
    }
  }

 private:
  static constexpr std::size_t kLookBack = std::size_t{512} << 10;

  [[noreturn]] void fail(std::string_view why) const {
    throw DataError(
        fmt::format("'{}': the archive's member is damaged after {} bytes of content: {}; download the archive again",
                    path_.string(), begin_ + filled_, why));
  }

  void restart() {
    begin_ = 0;
    filled_ = 0;
    file_.reset(zip_fopen_index(archive_.get(), index_, 0));
    if (!file_) fail(zip_strerror(archive_.get()));
  }

  std::size_t take(std::span<std::byte> out) {
    const zip_int64_t count = zip_fread(file_.get(), out.data(), out.size());
    if (count < 0) fail(zip_file_strerror(file_.get()));
    return static_cast<std::size_t>(count);
  }

  void read_more() {
    if (filled_ == window_.size()) {  // drops the older half
      std::copy(window_.begin() + kLookBack, window_.end(), window_.begin());
      begin_ += kLookBack;
      filled_ = kLookBack;
    }
    const auto room =
        static_cast<std::size_t>(std::min<std::uint64_t>(window_.size() - filled_, size_ - begin_ - filled_));
    const std::size_t count = take(std::span(window_).subspan(filled_, room));
    if (count == 0) fail(fmt::format("it ends, its entry says {} bytes", size_));
    filled_ += count;
    if (begin_ + filled_ < size_) return;
    std::byte extra;  // libzip compares size and CRC-32 when it finds the end
    if (take(std::span(&extra, 1)) > 0) fail("more follows than its entry says");
  }

  std::filesystem::path path_;
  std::shared_ptr<zip> archive_;
  std::uint64_t index_, size_;
  MemberFile file_{nullptr, &zip_fclose};
  std::vector<std::byte> window_;
  std::uint64_t begin_ = 0;  // offset of the window in the content
  std::size_t filled_ = 0;   // of the window
};

}  // namespace

bool reads_zip_archives() { return true; }

ZipArchive::ZipArchive(std::filesystem::path path) : path_(std::move(path)) {
  const std::uint64_t size = size_of(path_);
  if (size == 0) refuse_archive(path_, size, "it is empty");  // libzip: an archive without members
  int code = 0;
  archive_.reset(zip_open(path_.c_str(), ZIP_RDONLY, &code), [](zip* archive) {
    if (archive != nullptr) zip_discard(archive);
  });
  if (archive_) return;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string why = zip_error_strerror(&error);
  zip_error_fini(&error);
  refuse_archive(path_, size, why);
}

bool ZipArchive::has(const std::string& member) const {
  return zip_name_locate(archive_.get(), member.c_str(), ZIP_FL_ENC_RAW) >= 0;
}

std::unique_ptr<ByteSource> ZipArchive::open(const std::string& name) const {
  const zip_int64_t found = zip_name_locate(archive_.get(), name.c_str(), ZIP_FL_ENC_RAW);
  if (found < 0) throw DataError(fmt::format("'{}': has no member {}", path_.string(), printable(name)));
  const auto index = static_cast<zip_uint64_t>(found);
  const auto refuse = [&](std::string_view why) {
    throw DataError(fmt::format("'{}': its member {} {}", path_.string(), printable(name), why));
  };
  zip_stat_t member;
  zip_stat_init(&member);
  if (zip_stat_index(archive_.get(), index, 0, &member) != 0) refuse(zip_strerror(archive_.get()));
  if (member.encryption_method != ZIP_EM_NONE) refuse("is encrypted: unpack the archive with its password");
  const bool stored = member.comp_method == ZIP_CM_STORE;
  if (!stored && member.comp_method != ZIP_CM_DEFLATE)
    refuse(fmt::format("is compressed by method {}, expected 0 or 8: unpack the archive", member.comp_method));
  if (stored ? member.size != member.comp_size : member.size / kMaxRatio > member.comp_size)
    refuse(fmt::format("cannot have {} bytes, packed {}; download the archive again", member.size, member.comp_size));
  return std::make_unique<ZipMember>(path_, archive_, index, member.size);
}

#else

bool reads_zip_archives() { return false; }

ZipArchive::ZipArchive(std::filesystem::path path) : path_(std::move(path)) {
  throw DataError(fmt::format("'{}': this build has no libzip: unpack the archive", path_.string()));
}

bool ZipArchive::has(const std::string&) const { return false; }

std::unique_ptr<ByteSource> ZipArchive::open(const std::string&) const { return nullptr; }

#endif

}  // namespace brainmt::io

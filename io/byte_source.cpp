#include "io/byte_source.hpp"

#include <string_view>

#include "io/file_descriptor.hpp"
#include "io/lower_case.hpp"
#include "io/zip_archive.hpp"

namespace brainmt::io {
namespace {

class FileSource final : public ByteSource {
 public:
  explicit FileSource(const std::filesystem::path& path)
      : path_(path), fd_(open_for_reading(path)), size_(file_size(fd_, path)) {}

  std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> out) override { read_exactly(fd_, path_, offset, out); }

 private:
  std::filesystem::path path_;
  FileDescriptor fd_;
  std::uint64_t size_;
};

}  // namespace

std::filesystem::path file_on_disk(const std::filesystem::path& path) {
  constexpr std::string_view kEnd = ".zip/";
  const std::string& text = path.native();
  const std::string lower = lower_case(text);
  for (std::size_t at = lower.find(kEnd); at != lower.npos; at = lower.find(kEnd, at + 1)) {
    std::filesystem::path archive = text.substr(0, at + kEnd.size() - 1);
    std::error_code unknown;
    if (std::filesystem::is_regular_file(archive, unknown)) return archive;
  }
  return path;
}

std::unique_ptr<ByteSource> open_source(const std::filesystem::path& path) {
  const std::filesystem::path file = file_on_disk(path);
  if (file == path) return std::make_unique<FileSource>(path);
  return ZipArchive(file).open(path.native().substr(file.native().size() + 1));
}

}  // namespace brainmt::io

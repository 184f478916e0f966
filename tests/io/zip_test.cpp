// Members of zip archives, read in place: sound, lying, cut short, and of kinds that are refused.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "io/gzip_stream.hpp"
#include "io/zip_archive.hpp"
#include "support/expect_error.hpp"
#include "support/nifti_bytes.hpp"
#include "support/temporary_directory.hpp"
#include "support/zip_bytes.hpp"

namespace brainmt::io {
namespace {

using test::expect_error;
using test::ZipBytes;

// Texts that deflate well, and bytes that hardly do.
std::string text_of(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; text.size() < count; ++i) text += std::to_string(i * i) + ' ';
  text.resize(count);
  return text;
}
std::string noise_of(std::size_t count) {
  std::string noise(count, '\0');
  std::uint32_t state = 7;
  for (char& c : noise) c = static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
  return noise;
}

class Zip : public testing::Test {
 protected:
  void write(const std::string& bytes) { test::write_file(directory_ / "a.zip", bytes); }
  std::string read(const std::string& member, std::size_t step = 100'001) const {
    const auto source = open_source(directory_ / "a.zip" / member);
    std::string content(static_cast<std::size_t>(source->size()), '\0');
    for (std::size_t at = 0; at < content.size(); at += step) {
      const auto rest = std::as_writable_bytes(std::span(content)).subspan(at);
      source->read(at, rest.first(std::min(step, rest.size())));
    }
    return content;
  }
  void expect_refused(const std::string& bytes, std::initializer_list<std::string> words) {
    write(bytes);
    expect_error<DataError>([&] { read("m"); }, words);
  }

  test::TemporaryDirectory directory_;
};

TEST_F(Zip, MembersAreReadInPlace) {
  const std::string text = text_of(3'000'001), noise = noise_of(2'500'003);
  ZipBytes zip;
  zip.add("fMRI/text", text).add("fMRI/noise", noise).add("stored", noise, false).add("empty", "");
  for (const bool wide : {false, true}) {
    write(zip.bytes(wide ? "a comment with PK\5\6 in it" : "", wide));
    EXPECT_EQ(read("fMRI/text"), text);
    EXPECT_EQ(read("fMRI/noise", 700'000), noise);
    EXPECT_EQ(read("stored"), noise);
    EXPECT_EQ(read("empty"), "");
  }
  expect_error<DataError>([&] { read("fMRI/other"); }, {"a.zip'", "has no member", "fMRI/other"});
}

TEST_F(Zip, FieldsOf64BitsAreRead) {
  ZipBytes::Entry entry = ZipBytes::entry("m", text_of(5000));
  entry.wide = true;
  write(ZipBytes().add("before", "x").add(entry).bytes("", true));
  EXPECT_EQ(read("m"), text_of(5000));
}

TEST_F(Zip, LookingBackGivesTheSameBytes) {
  const std::string text = text_of(4'000'000);
  write(ZipBytes().add("m", text).bytes());
  const auto source = open_source(directory_ / "a.zip" / "m");
  for (const std::size_t at : {3'000'000u, 2'700'000u, 10u, 3'999'000u, 0u, 1'500'000u}) {
    std::string piece(1000, '\0');
    source->read(at, std::as_writable_bytes(std::span(piece)));
    EXPECT_EQ(piece, text.substr(at, 1000)) << at;
  }
  std::byte behind;
  expect_error<DataError>([&] { source->read(4'000'000, std::span(&behind, 1)); }, {"ends after 4000000 bytes"});
}

TEST_F(Zip, CompressedMembersBehindTheByteReader) {
  const std::string text = text_of(1'200'000);
  // As parallel compressors write them: gzip members behind one another, then zeros.
  const std::string gz =
      test::gzipped(text.substr(0, 700'000)) + test::gzipped(text.substr(700'000)) + std::string(5000, '\0');
  for (const bool deflate : {false, true}) {
    write(ZipBytes().add("x.nii.gz", gz, deflate).add("x.nii", text, deflate).bytes());
    for (const char* name : {"x.nii.gz", "x.nii"}) {
      ByteReader reader(directory_ / "a.zip" / name);
      std::string content(text.size(), '\0');
      reader.read(std::as_writable_bytes(std::span(content)));
      reader.expect_end();
      EXPECT_EQ(content, text) << name;
    }
  }
}

TEST_F(Zip, DirectoriesNamedLikeArchivesAreNone) {
  std::filesystem::create_directories(directory_ / "folder.zip");
  test::write_file(directory_ / "folder.zip" / "m", "plain");
  EXPECT_EQ(file_on_disk(directory_ / "folder.zip" / "m"), directory_ / "folder.zip" / "m");
  EXPECT_EQ(open_source(directory_ / "folder.zip" / "m")->size(), 5u);
  test::write_file(directory_ / "B.ZIP", ZipBytes().add("m", "in capitals").bytes());
  EXPECT_EQ(open_source(directory_ / "B.ZIP" / "m")->size(), 11u);
  EXPECT_EQ(file_on_disk(directory_ / "B.ZIP" / "m"), directory_ / "B.ZIP");
}

TEST_F(Zip, EveryCutIsRefused) {
  const std::string bytes = ZipBytes().add("m", text_of(400)).bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    write(bytes.substr(0, size));
    EXPECT_THROW(ZipArchive archive(directory_ / "a.zip"), DataError) << size;
  }
  expect_refused("PK\3\4" + std::string(100, '\0'), {"no whole zip archive of 104 bytes", "download it again"});
}

TEST_F(Zip, LyingEntriesAreRefused) {
  const auto with = [](auto change) {
    ZipBytes::Entry entry = ZipBytes::entry("m", text_of(5000));
    change(entry);
    return ZipBytes().add(entry).bytes();
  };
  expect_refused(with([](auto& e) { e.size = 4'000'000'000; }), {"cannot have 4000000000 bytes"});
  expect_refused(with([](auto& e) { e.size = 5001; }), {"damaged after 5000 bytes", "its entry says 5001"});
  expect_refused(with([](auto& e) { e.size = 4999; }), {"more follows than its entry says"});
  expect_refused(with([](auto& e) { e.checksum ^= 1; }), {"damaged after 5000 bytes", "CRC"});
  expect_refused(with([](auto& e) { e.packed.resize(e.packed.size() - 9); }), {"damaged after"});
  expect_refused(with([](auto& e) { e.packed[0] = '\xff'; }), {"damaged after 0 bytes"});
  expect_refused(with([](auto& e) { e.flags = 1; }), {"is encrypted"});
  expect_refused(with([](auto& e) { e.method = 9; }), {"compressed by method 9"});
  expect_refused(with([](auto& e) { e.method = 0; }), {"cannot have 5000 bytes"});
}

TEST_F(Zip, StoredMembersAreCheckedToo) {
  ZipBytes::Entry entry = ZipBytes::entry("m", noise_of(3'000'000), false);
  entry.packed[2'999'990] ^= 1;
  expect_refused(ZipBytes().add(entry).bytes(), {"damaged after 3000000 bytes", "CRC", "download the archive again"});
}

TEST_F(Zip, LyingDirectoriesAreRefused) {
  const std::string bytes = ZipBytes().add("m", text_of(500)).bytes();
  const auto with = [&](std::size_t at, std::uint64_t value, std::size_t count) {
    std::string changed = bytes;
    return changed.replace(at, count, ZipBytes::number(value, count));
  };
  const std::size_t end = bytes.size() - 22, entry = bytes.find("PK\1\2");
  expect_refused(with(end + 12, 0x7FFFFFFF, 4), {"no whole zip archive of 344 bytes", "download it again"});
  expect_refused(with(end + 16, 0x7FFFFFFF, 4), {"no whole zip archive"});
  expect_refused(with(end + 10, 2, 2), {"no whole zip archive"});
  expect_refused(with(end + 10, 0xFFFF, 2), {"no whole zip archive"});
  for (const std::size_t field : {28u, 30u, 32u})  // lengths of name, extra field and comment
    expect_refused(with(entry + field, 0xFFFF, 2), {"no whole zip archive"});
  expect_refused(with(entry + 42, 3, 4), {"damaged after 0 bytes", "download the archive again"});
}

}  // namespace
}  // namespace brainmt::io

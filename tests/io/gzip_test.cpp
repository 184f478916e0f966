// The byte reader on good and damaged files (fault row 39), and the gzip writer's bytes.
#include <gtest/gtest.h>
#include <zlib.h>

#include <functional>

#include "base/error.hpp"
#include "io/gzip_stream.hpp"
#include "support/expect_error.hpp"
#include "support/nifti_bytes.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

using namespace std::string_literals;
using test::expect_error;
using test::gzipped;
using test::TemporaryDirectory;

std::string pattern(std::size_t count) {
  std::string text(count, '\0');
  std::uint32_t state = 1;
  for (char& c : text) c = static_cast<char>((state = state * 1664525u + 1013904223u) >> 27);
  return text;
}

// The whole life of a reader: `count` bytes in uneven pieces, then the end.
std::string read_all(const std::filesystem::path& path, std::size_t count, Inflation inflation = Inflation::kFastest) {
  ByteReader reader(path, inflation);
  std::string out(count, '\0');
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(out));
  for (std::size_t done = 0; done < count;) {
    const std::size_t step = std::min<std::size_t>(count - done, 7001);
    reader.read(bytes.subspan(done, step));
    done += step;
  }
  reader.expect_end();
  EXPECT_EQ(reader.position(), count);
  return out;
}

TEST(ByteReader, PlainAndCompressedFilesGiveTheSameBytes) {
  const TemporaryDirectory directory;
  const std::string content = pattern(700'001);
  test::write_file(directory / "plain", content);
  test::write_file(directory / "packed", gzipped(content));
  EXPECT_EQ(read_all(directory / "plain", content.size()), content);
  for (const Inflation inflation : {Inflation::kFastest, Inflation::kZlib}) {
    EXPECT_EQ(read_all(directory / "packed", content.size(), inflation), content);
  }
  EXPECT_FALSE(ByteReader(directory / "plain").compressed());
  EXPECT_TRUE(ByteReader(directory / "packed").compressed());
}

TEST(ByteReader, SkipsInBoth) {
  const TemporaryDirectory directory;
  const std::string content = pattern(100'000);
  test::write_file(directory / "plain", content);
  test::write_file(directory / "packed", gzipped(content));
  for (const char* name : {"plain", "packed"}) {
    ByteReader reader(directory / name);
    reader.skip(99'990);
    std::string tail(10, '\0');
    reader.read(std::as_writable_bytes(std::span(tail)));
    EXPECT_EQ(tail, content.substr(99'990));
    reader.expect_end();
  }
}

// A file is a series of members (RFC 1952), as cat, parallel compressors and bgzip write them; zeros are padding.
TEST(ByteReader, FurtherMembersAndZerosAreRead) {
  const TemporaryDirectory directory;
  const std::string content = pattern(700'001), first = content.substr(0, 300'000), second = content.substr(300'000);
  const std::string zeros(70'000, '\0');
  std::string blocks;  // as bgzip: small members with an extra field, an empty one at the end
  const auto block = [](const std::string& piece) {
    std::string member = gzipped(piece, 1);
    member[3] = 4;
    return member.insert(10, std::string("\6\0BC\2\0xx", 8));
  };
  for (std::size_t done = 0; done < content.size(); done += 65'280) blocks += block(content.substr(done, 65'280));
  blocks += block("");
  for (const std::string& file :
       {gzipped(content) + "\0"s, gzipped(content) + zeros, gzipped(first) + gzipped(second),
        gzipped("") + gzipped(first) + zeros + gzipped(second, 9) + gzipped("") + zeros, blocks, blocks + zeros}) {
    test::write_file(directory / "packed", file);
    for (const Inflation inflation : {Inflation::kFastest, Inflation::kZlib}) {
      EXPECT_EQ(read_all(directory / "packed", content.size(), inflation), content);
    }
  }
}

struct Fault {
  const char* name;
  std::function<std::string(const std::string& content)> file;
  std::size_t asked;  // bytes that the reader wants before the end
  const char* reason;
};

constexpr std::size_t kContent = 50'000;

std::string flipped(std::string bytes, std::size_t at) {
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  return bytes;
}

// The member of `content` with header fields that gzip seldom writes: `flags`, and their bytes behind the fixed ten.
std::string with_fields(const std::string& content, unsigned flags, const std::string& fields) {
  std::string bytes = gzipped(content);
  bytes[3] = static_cast<char>(flags);
  return bytes.insert(10, fields);
}

// Those fields all together: an extra field, a name, a comment and a checksum of what stands before it.
std::string with_all_fields(const std::string& content, unsigned checksum_change) {
  const std::string fields = std::string("\3\0abc", 5) + "name" + '\0' + std::string(3000, 'c') + '\0';
  std::string bytes = with_fields(content, 2 | 4 | 8 | 16, fields);
  const std::size_t header = 10 + fields.size();
  const auto checksum = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), header) ^ checksum_change;
  return bytes.insert(header, {static_cast<char>(checksum & 0xFF), static_cast<char>(checksum >> 8 & 0xFF)});
}

TEST(ByteReader, HeaderFieldsArePassedOver) {
  const TemporaryDirectory directory;
  const std::string content = pattern(20'000);
  for (const std::string& file : {with_all_fields(content, 0), with_fields(content, 8, std::string("a\0", 2)),
                                  with_fields(content, 4, std::string("\0\2", 2) + std::string(512, 'x'))}) {
    test::write_file(directory / "packed", file);
    EXPECT_EQ(read_all(directory / "packed", content.size()), content);
  }
}

// Blocks of every kind (stored, fixed, dynamic codes) and flushes, read across all alignments of buffer and stream.
TEST(ByteReader, BothInflatersGiveEveryByteAtEveryLevel) {
  const TemporaryDirectory directory;
  std::string content = pattern(300'000) + std::string(200'000, '\0') + pattern(70'000);
  for (int i = 0; i < 500; ++i) content += "repeats " + std::to_string(i * i % 97);
  for (const int level : {0, 1, 6, 9}) {
    test::write_file(directory / "packed", gzipped(content, level));
    for (const Inflation inflation : {Inflation::kFastest, Inflation::kZlib}) {
      EXPECT_EQ(read_all(directory / "packed", content.size(), inflation), content) << level;
    }
  }
}

class ByteReaderFaultRow39 : public testing::TestWithParam<Fault> {};

TEST_P(ByteReaderFaultRow39, IsRefusedWithItsReason) {
  const TemporaryDirectory directory;
  test::write_file(directory / "scan", GetParam().file(pattern(kContent)));
  for (const Inflation inflation : {Inflation::kFastest, Inflation::kZlib}) {
    expect_error<DataError>([&] { read_all(directory / "scan", GetParam().asked, inflation); },
                            {"scan'", GetParam().reason});
  }
}

INSTANTIATE_TEST_SUITE_P(
    Gzip, ByteReaderFaultRow39,
    testing::Values(
        Fault{"TruncatedInTheMiddle", [](auto& c) { return gzipped(c).substr(0, 2000); }, kContent, "cut short"},
        Fault{"TruncatedInTheChecksum",
              [](auto& c) {
                const auto z = gzipped(c);
                return z.substr(0, z.size() - 3);
              },
              kContent, "cut short"},
        Fault{"OnlyTheMagic", [](auto&) { return std::string("\x1f\x8b"); }, kContent, "cut short"},
        Fault{"WrongChecksum",
              [](auto& c) {
                const auto z = gzipped(c);
                return flipped(z, z.size() - 7);
              },
              kContent, "incorrect data check"},
        Fault{"WrongLength",
              [](auto& c) {
                const auto z = gzipped(c);
                return flipped(z, z.size() - 2);
              },
              kContent, "incorrect length check"},
        Fault{"WrongMethod", [](auto& c) { return flipped(gzipped(c), 2); }, kContent, "unknown compression method"},
        Fault{"ReservedFlag", [](auto& c) { return with_fields(c, 0x40, ""); }, kContent, "unknown header flags"},
        Fault{"NameWithoutEnd",
              [](auto&) { return std::string("\x1f\x8b\x08\x08\0\0\0\0\0\0", 10) + std::string(5000, 'n'); }, kContent,
              "cut short"},
        Fault{"WrongHeaderChecksum", [](auto& c) { return with_all_fields(c, 1); }, kContent, "header crc mismatch"},
        Fault{"InvalidBlock",
              [](auto& c) {
                auto z = gzipped(c);
                z[10] = 7;  // the last block, of the kind that does not exist
                return z;
              },
              kContent, "after 0 bytes of content: invalid block"},
        Fault{"TruncatedBeforeTheChecksum",
              [](auto& c) {
                const auto z = gzipped(c);
                return z.substr(0, z.size() - 8);
              },
              kContent, "cut short after 50000 bytes"},
        Fault{"JunkBehind", [](auto& c) { return gzipped(c) + "junk"; }, kContent, "4 bytes follow the gzip member"},
        Fault{"JunkBehindZeros", [](auto& c) { return gzipped(c) + std::string(9000, '\0') + "x"; }, kContent,
              "9001 bytes follow the gzip member"},
        Fault{"HalfAMagicBehind", [](auto& c) { return gzipped(c) + "\x1f"; }, kContent, "1 bytes follow"},
        Fault{"SecondMemberOfMoreContent", [](auto& c) { return gzipped(c) + gzipped(c); }, kContent,
              "more content follows"},
        Fault{"SecondMemberCut", [](auto& c) { return gzipped(c) + gzipped(c).substr(0, 2000); }, 2 * kContent,
              "cut short after 5"},
        Fault{"SecondMemberCutInItsHeader", [](auto& c) { return gzipped(c) + gzipped(c).substr(0, 7); }, 2 * kContent,
              "cut short after 50000"},
        Fault{"FirstMemberDamaged",
              [](auto& c) {
                const auto z = gzipped(c);
                return flipped(z, z.size() - 7) + z;
              },
              2 * kContent, "after 50000 bytes of content: incorrect data check"},
        Fault{"SecondMemberDamaged",
              [](auto& c) {
                const auto z = gzipped(c);
                return z + flipped(z, z.size() - 2);
              },
              2 * kContent, "after 100000 bytes of content: incorrect length check"},
        Fault{"ContentTooShort", [](auto& c) { return gzipped(c); }, kContent + 1, "content ends after 50000 bytes"},
        Fault{"ContentTooLong", [](auto& c) { return gzipped(c); }, kContent - 1, "more content follows"},
        Fault{"PlainTooShort", [](auto& c) { return c; }, kContent + 1, "cut short"},
        Fault{"PlainTooLong", [](auto& c) { return c; }, kContent - 1, "1 bytes follow"}),
    [](const auto& info) { return info.param.name; });

// 1 GB of zeros in 1 MB: the reader stops at the declared bytes and never inflates the rest.
TEST(ByteReader, FaultRow39BombIsBounded) {
  const TemporaryDirectory directory;
  {
    GzipFile bomb(directory / "bomb", 9);
    const std::vector<std::byte> zeros(std::size_t{1} << 20);
    for (int i = 0; i < 64; ++i) bomb.write(zeros);
    bomb.commit();
  }
  expect_error<DataError>([&] { read_all(directory / "bomb", 1000); }, {"more content follows"});
  ByteReader reader(directory / "bomb");
  EXPECT_GE(reader.capacity(), std::uint64_t{64} << 20);
  EXPECT_LE(reader.capacity(), std::uint64_t{80} << 20);
}

TEST(ByteReader, MissingFileAndDirectory) {
  const TemporaryDirectory directory;
  expect_error<DataError>([&] { ByteReader reader(directory / "none"); }, {"none"});
  expect_error<DataError>([&] { ByteReader reader(directory.path()); }, {"not a regular file"});
}

TEST(GzipFile, EqualInputGivesEqualBytesWithoutATimeStamp) {
  const TemporaryDirectory directory;
  const std::string content = pattern(300'000);
  for (const char* name : {"a.gz", "b.gz"}) {
    GzipFile file(directory / name, 1);
    file.write(std::as_bytes(std::span(content)));
    file.commit();
  }
  const std::string a = test::read_file(directory / "a.gz");
  EXPECT_EQ(a, test::read_file(directory / "b.gz"));
  EXPECT_EQ(a.substr(3, 5), std::string(5, '\0'));  // no flags, modification time 0
  EXPECT_EQ(read_all(directory / "a.gz", content.size()), content);
}

TEST(GzipFile, AppearsOnlyWhenCommitted) {
  const TemporaryDirectory directory;
  {
    GzipFile file(directory / "a.gz", 1);
    file.write(std::as_bytes(std::span("content")));
  }
  EXPECT_EQ(directory.entries(), 0u);
}

}  // namespace
}  // namespace brainmt::io

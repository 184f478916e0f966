// Rows 22, 38, 39 and 41 of the fault matrix, their second half: a lie is refused (that it is, and with which words, is
// tested beside each reader in tests/io) without time or memory that the file does not account for.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <functional>

#include "support/nifti_bytes.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::faults {
namespace {

using test::gzipped;
using test::NiftiBytes;
using test::TemporaryDirectory;

constexpr long kMaxKilobytes = 64 * 1024;
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kBombMegabytes = 128;  // whose checks take most of the time
#else
constexpr std::size_t kBombMegabytes = 1024;
#endif
constexpr double kMaxSeconds = 20;  // a gigabyte takes about 2 s to inflate on one core

struct Outcome {
  std::string said;  // "accepted" or "refused: ..."
  long peak_kb = 0;
  double seconds = 0;
};

Outcome probe(const std::string& kind, const std::string& content) {
  const TemporaryDirectory directory;
  test::write_file(directory / "file", content);
  const std::string command =
      std::string(BRAINMT_FAULT_PROBE) + " " + kind + " '" + (directory / "file").string() + "'";
  FILE* pipe = ::popen(command.c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  std::string text;
  std::array<char, 4096> piece;
  while (std::fgets(piece.data(), piece.size(), pipe) != nullptr) text += piece.data();
  const int status = ::pclose(pipe);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the reader ended with status " << status;
  Outcome outcome;
  const std::size_t line = text.find('\n');
  outcome.said = text.substr(0, line);
  EXPECT_EQ(std::sscanf(text.c_str() + line + 1, "peak_kb=%ld seconds=%lf", &outcome.peak_kb, &outcome.seconds), 2)
      << text;
  return outcome;
}

void expect_bounded(const Outcome& outcome) {
#if !defined(__SANITIZE_ADDRESS__)  // whose own memory counts too
  EXPECT_LT(outcome.peak_kb, kMaxKilobytes);
#endif
  EXPECT_LT(outcome.seconds, kMaxSeconds);
}

void expect_refused(const std::string& kind, const std::string& content, const std::string& reason) {
  const Outcome outcome = probe(kind, content);
  EXPECT_TRUE(outcome.said.starts_with("refused: ")) << outcome.said;
  EXPECT_NE(outcome.said.find(reason), std::string::npos) << outcome.said;
  expect_bounded(outcome);
}

// A gzip member of `head` and then `megabytes` of zeros, made by repeating one compressed megabyte.
std::string bomb(const std::string& head, std::size_t megabytes) {
  constexpr std::size_t kMegabyte = std::size_t{1} << 20;
  z_stream z = {};
  deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  const auto deflated = [&](const std::string& content, int flush) {
    std::string out(kMegabyte / 8, '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
    z.avail_in = static_cast<uInt>(content.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    deflate(&z, flush);
    out.resize(out.size() - z.avail_out);
    return out;
  };
  const std::string zeros(kMegabyte, '\0');
  std::string file("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
  file += deflated(head, Z_FULL_FLUSH);  // behind a full flush nothing refers to what was before
  const std::string block = deflated(zeros, Z_FULL_FLUSH);
  for (std::size_t i = 0; i < megabytes; ++i) file += block;
  file += deflated("", Z_FINISH);
  deflateEnd(&z);
  const auto bytes = [](const std::string& text) { return reinterpret_cast<const Bytef*>(text.data()); };
  uLong crc = crc32(0, bytes(head), static_cast<uInt>(head.size()));
  const uLong crc_of_zeros = crc32(0, bytes(zeros), static_cast<uInt>(zeros.size()));
  for (std::size_t i = 0; i < megabytes; ++i) crc = crc32_combine(crc, crc_of_zeros, static_cast<z_off_t>(kMegabyte));
  const std::uint32_t trailer[2] = {static_cast<std::uint32_t>(crc),
                                    static_cast<std::uint32_t>(head.size() + megabytes * kMegabyte)};
  return file.append(reinterpret_cast<const char*>(trailer), sizeof trailer);
}

// 128 x 128 x 64 voxels of one byte are a megabyte.
NiftiBytes scan_of_megabytes(std::int64_t frames) { return NiftiBytes({128, 128, 64, frames}, 2, 8); }

TEST(FaultRow38, LyingDimensionsCostNoMemory) {
  for (const auto& shape :
       {std::array<std::int64_t, 4>{512, 512, 512, 1}, {32767, 32767, 32767, 32767}, {1, 1, 1, 32767}}) {
    for (const auto& [code, bits] : {std::pair{2, 8}, {64, 64}}) {
      const NiftiBytes lie(shape, code, bits);
      const std::string bytes = NiftiBytes(lie).bytes();
      for (const std::string& file : {bytes, gzipped(bytes)}) expect_refused("nifti", file, "");
    }
  }
}

TEST(FaultRow38, AFrameThatTheFileCannotFillIsNotTouched) {
  // 134 million voxels are within what 134 kB of gzip could hold, so only the reading shows that they are not there.
  NiftiBytes lie({512, 512, 512, 1}, 2, 8);
  std::string noise(150'000, '\0');
  std::uint32_t state = 1;
  for (char& c : noise) c = static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
  expect_refused("nifti", gzipped(lie.bytes() + noise), "content ends");
}

TEST(FaultRow39, BombBehindASmallHeaderIsNotInflated) {
  NiftiBytes small({8, 8, 8, 2}, 2, 8);
  const std::string file = bomb(small.bytes(), 1024);
  EXPECT_LT(file.size(), std::size_t{1200} * 1024);
  expect_refused("nifti", file, "more content follows");
}

TEST(FaultRow39, BombThatKeepsItsPromiseIsReadInBoundedMemory) {
  const Outcome outcome = probe("nifti", bomb(scan_of_megabytes(kBombMegabytes).bytes(), kBombMegabytes));
  EXPECT_EQ(outcome.said, "accepted");
  expect_bounded(outcome);
}

TEST(FaultRow39, BombWithADamagedEndIsRefusedThere) {
  std::string file = bomb(scan_of_megabytes(kBombMegabytes / 4).bytes(), kBombMegabytes / 4);
  expect_refused("nifti", file.substr(0, file.size() - 1), "cut short");
  file[file.size() - 7] = static_cast<char>(file[file.size() - 7] ^ 1);
  expect_refused("nifti", file, "incorrect data check");
}

TEST(FaultRow39, SkippingIntoABombIsBounded) {
  NiftiBytes far({8, 8, 8, 2}, 2, 8);
  far.set_offset(1 << 29);
  expect_refused("nifti", bomb(far.bytes(), 1024), "more content follows");
}

std::string tensor_file(const std::string& header, std::uint64_t length, std::size_t data) {
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  return file + header + std::string(data, '\1');
}

TEST(FaultRow22, LyingTensorHeadersCostNoMemory) {
  const auto one = [](const std::string& shape, const std::string& offsets) {
    const std::string header = R"({"a":{"dtype":"F32","shape":[)" + shape + R"(],"data_offsets":[)" + offsets + "]}}";
    return tensor_file(header, header.size(), 4);
  };
  expect_refused("safetensors", one("1000000", "0,4"), "4000000");
  expect_refused("safetensors", one("1000000000000", "0,4000000000000"), "4000000000000");
  expect_refused("safetensors", one("4294967296,4294967296,1", "0,4"), "overflow");
  expect_refused("safetensors", tensor_file("{}", 99'999'999, 0), "99999999");
  expect_refused("safetensors", tensor_file("{}", ~std::uint64_t{0}, 0), "18446744073709551615");
  // Deep nesting and a header of millions of numbers: a parser that builds a tree would take fifty times the file.
  const std::string deep = "{\"a\":" + std::string(4'000'000, '[');
  expect_refused("safetensors", tensor_file(deep, deep.size(), 0), "array");
  std::string wide = R"({"a":{"dtype":"U8","shape":[1)";
  for (int i = 0; i < 2'000'000; ++i) wide += ",1";
  wide += R"(],"data_offsets":[0,9]}})";
  expect_refused("safetensors", tensor_file(wide, wide.size(), 1), "");
}

TEST(FaultRow41, EndlessTablesAreBounded) {
  expect_refused("table", "id,a\n1," + std::string(8'000'000, '1') + "\n", "more than 1048576 bytes");
  expect_refused("table", "id,a\n1,\"" + std::string(8'000'000, '\n'), "not closed");
  expect_refused("table", std::string(90'000, ','), "expected a header row");
  expect_refused("table", "a" + std::string(1'000'000, ','), "columns");
}

}  // namespace
}  // namespace brainmt::faults

// Event files byte for byte against the published framing, and the text logs' handling of broken lines and odd values.
#include "io/events.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "io/metrics_log.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::io {
namespace {

using test::read_file;
using test::TemporaryDirectory;

std::uint32_t masked_crc(std::string_view data) {
  const std::uint32_t crc = crc32c(data);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

template <class T>
T value_at(const std::string& bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

// The records' data; every checksum is compared.
std::vector<std::string> records_of(const std::string& bytes) {
  std::vector<std::string> records;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto size = value_at<std::uint64_t>(bytes, at);
    EXPECT_EQ(value_at<std::uint32_t>(bytes, at + 8), masked_crc(bytes.substr(at, 8)));
    records.push_back(bytes.substr(at + 12, size));
    EXPECT_EQ(value_at<std::uint32_t>(bytes, at + 12 + size), masked_crc(records.back()));
    at += 16 + size;
  }
  return records;
}

TEST(Events, Crc32cPublishedVectors) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720, appendix B.4
}

TEST(Events, RecordsHaveTheDocumentedBytes) {
  const TemporaryDirectory directory;
  EventWriter writer(directory.path(), 1.5, "host");
  writer.add(300, {{"loss", 0.5f}, {"lr", -2.0f}}, 2.0);
  const auto records = records_of(read_file(writer.path()));
  ASSERT_EQ(records.size(), 2u);
  using namespace std::string_literals;
  EXPECT_EQ(records[0], "\x09\0\0\0\0\0\0\xf8\x3f\x1a\x0d"s + "brain.Event:2");
  EXPECT_EQ(records[1],
            "\x09\0\0\0\0\0\0\0\x40"s              // 1: wall time 2.0
            "\x10\xac\x02"s                        // 2: step 300
            "\x2a\x18"s                            // 5: summary of 24 bytes
            "\x0a\x0b\x0a\x04loss\x15\0\0\0\x3f"s  // 1: value {1: tag, 2: 0.5}
            "\x0a\x09\x0a\x02lr\x15\0\0\0\xc0"s);  // 1: value {1: tag, 2: -2.0}
  EXPECT_EQ(writer.path().filename(), "events.out.tfevents.0000000002.host");
}

TEST(Events, MissingDirectoryIsAnOutputError) {
  test::expect_error<OutputError>([] { EventWriter("/nonexistent-directory", 0, "x"); }, {"nonexistent", "No such"});
}

TEST(MetricsLog, JsonLinesAreAppendedAndABrokenLineIsEnded) {
  const TemporaryDirectory directory;
  const auto path = directory / "metrics.jsonl";
  JsonLines(path).append({{"step", 1}, {"loss", 0.25}});
  test::write_file(path, read_file(path) + "{\"step\":2,\"lo");  // killed in the middle
  JsonLines(path).append({{"step", 2}, {"loss", std::numeric_limits<double>::quiet_NaN()}, {"note", "a\nb"}});
  EXPECT_EQ(read_file(path),
            "{\"step\":1,\"loss\":0.25}\n{\"step\":2,\"lo\n{\"step\":2,\"loss\":null,\"note\":\"a\\nb\"}\n");
}

TEST(MetricsLog, CsvKeepsOneHeaderAndQuotes) {
  const TemporaryDirectory directory;
  const auto path = directory / "metrics.csv";
  const std::vector<std::string> columns{"step", "split", "loss"};
  CsvTable(path, columns).append({{"step", 1}, {"split", "a,\"b\""}, {"other", 7}});
  CsvTable(path, columns).append({{"loss", std::numeric_limits<double>::infinity()}, {"step", 2}});
  EXPECT_EQ(read_file(path), "step,split,loss\n1,\"a,\"\"b\"\"\",\n2,,inf\n");
}

}  // namespace
}  // namespace brainmt::io

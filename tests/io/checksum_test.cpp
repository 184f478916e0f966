// The frame checksum is zlib's CRC-32, whichever library computes it.
#include "io/checksum.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>
#include <vector>

namespace brainmt::io {
namespace {

TEST(Crc32, IsThatOfZlibForEveryLengthAndAlignment) {
  std::mt19937 random(5);
  std::vector<std::byte> bytes(3'000'011);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  const auto expect_same = [&](std::size_t from, std::size_t size) {
    const auto* start = reinterpret_cast<const Bytef*>(bytes.data() + from);
    EXPECT_EQ(crc32(std::span(bytes).subspan(from, size)), crc32_z(0, start, size)) << from << "+" << size;
  };
  for (std::size_t from = 0; from < 17; ++from)
    for (std::size_t size = 0; size < 600; ++size) expect_same(from, size);
  expect_same(3, bytes.size() - 3);
  EXPECT_EQ(crc32(std::as_bytes(std::span("123456789", 9))), 0xcbf43926u) << "the check value of the polynomial";
}

TEST(Crc32, GoesOnFromWhatStandsBefore) {
  const std::vector<std::byte> data(1000, std::byte{0x5a});
  for (const std::size_t cut : {0u, 1u, 63u, 64u, 500u, 1000u}) {
    const std::span<const std::byte> all(data);
    EXPECT_EQ(crc32(all.subspan(cut), crc32(all.first(cut))), crc32(all));
  }
}

}  // namespace
}  // namespace brainmt::io

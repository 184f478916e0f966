#include "io/events.hpp"

#include <fcntl.h>

#include <array>
#include <bit>
#include <cerrno>

#include "base/error.hpp"

namespace brainmt::io {
namespace {

// The fields used of the published message definitions: Event {1: wall_time double, 2: step int64,
// 3: file_version string, 5: summary Summary}, Summary {1: repeated Value}, Value {1: tag string, 2: simple_value
// float}.
enum WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

class Message {
 public:
  Message& number(int field, std::int64_t value) {
    key(field, kVarint);
    varint(static_cast<std::uint64_t>(value));
    return *this;
  }
  Message& real(int field, double value) {
    key(field, kFixed64);
    append_little_endian(bytes_, std::bit_cast<std::uint64_t>(value));
    return *this;
  }
  Message& real(int field, float value) {
    key(field, kFixed32);
    append_little_endian(bytes_, std::bit_cast<std::uint32_t>(value));
    return *this;
  }
  Message& bytes(int field, std::string_view value) {
    key(field, kBytes);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

  template <class Unsigned>
  static void append_little_endian(std::string& out, Unsigned value) {
    for (std::size_t i = 0; i < sizeof(Unsigned); ++i) out += static_cast<char>(value >> (8 * i) & 0xffu);
  }

 private:
  void key(int field, WireType type) { varint(static_cast<std::uint64_t>(field) << 3 | type); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>((value & 0x7f) | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

constexpr std::array<std::uint32_t, 256> make_crc32c_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) ? 0x82f63b78u : 0u);
    table[i] = crc;
  }
  return table;
}
constexpr auto kCrc32cTable = make_crc32c_table();

// The format masks CRCs (rotate, add a constant): a CRC over data that contains its own CRC is degenerate.
std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

// length, checksum of the length, data, checksum of the data
std::string framed(const std::string& data) {
  std::string record;
  Message::append_little_endian(record, std::uint64_t{data.size()});
  Message::append_little_endian(record, masked(crc32c(record)));
  record += data;
  Message::append_little_endian(record, masked(crc32c(data)));
  return record;
}

void append(const FileDescriptor& fd, const std::filesystem::path& path, const Message& event) {
  write_all(fd, path, framed(event.bytes()));
}

}  // namespace

std::uint32_t crc32c(std::string_view data) {
  std::uint32_t crc = ~0u;
  for (const char c : data) crc = kCrc32cTable[(crc ^ static_cast<unsigned char>(c)) & 0xffu] ^ (crc >> 8);
  return ~crc;
}

EventWriter::EventWriter(const std::filesystem::path& directory, double wall_time, std::string_view suffix)
    : path_(directory / fmt::format("events.out.tfevents.{:010.0f}.{}", wall_time, suffix)),
      fd_(open_for_appending(path_)) {
  append(fd_, path_, Message().real(1, wall_time).bytes(3, "brain.Event:2"));
}

void EventWriter::add(std::int64_t step, const std::vector<Scalar>& scalars, double wall_time) {
  Message summary;
  for (const Scalar& scalar : scalars) summary.bytes(1, Message().bytes(1, scalar.tag).real(2, scalar.value).bytes());
  append(fd_, path_, Message().real(1, wall_time).number(2, step).bytes(5, summary.bytes()));
}

}  // namespace brainmt::io

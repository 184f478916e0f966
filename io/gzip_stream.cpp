#include "io/gzip_stream.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "io/checksum.hpp"
#include "io/gzip_header.hpp"

namespace brainmt::io {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr int kGzipWindowBits = 15 + 16;  // the largest window; 16 asks zlib for the gzip wrapper and its CRC-32
constexpr std::uint64_t kLargestRatio = 1032;
constexpr std::size_t kLargestStep = std::numeric_limits<uInt>::max();

using Buffer = std::array<std::byte, kBufferBytes>;

}  // namespace

struct ByteReader::State {
  std::filesystem::path path;
  FileDescriptor fd;
  std::uint64_t size = 0;              // of the file
  std::uint64_t consumed = 0;          // bytes of the file taken into the buffer
  std::uint64_t delivered = 0;         // bytes of content
  std::unique_ptr<Inflater> inflater;  // of a compressed file
  bool stream_ended = false;
  std::uint32_t checksum = 0;  // of the content delivered
  Buffer buffer;

  [[noreturn]] void fail(const std::string& reason) const {
    throw DataError(fmt::format("'{}': {}", path.string(), reason));
  }

  [[noreturn]] void fail_damaged(std::uint64_t content, std::string_view why) const {
    fail(fmt::format("damaged gzip stream after {} bytes of content: {}; copy the file again", content, why));
  }
  [[noreturn]] void fail_cut_short(std::uint64_t content) const {
    fail(fmt::format("gzip stream is cut short after {} bytes of content ({} bytes of file); copy the file again",
                     content, size));
  }

  void start(Inflation inflation) {
    const std::optional<GzipHeader> header = read_gzip_header(fd, path, size);
    if (!header) fail_cut_short(0);
    if (!header->damage.empty()) fail_damaged(0, header->damage);
    consumed = header->bytes;
    inflater = make_inflater(inflation);
  }

  bool refill() {
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size - consumed));
    if (count == 0) return false;
    const std::span<std::byte> input = std::span(buffer).first(count);
    read_exactly(fd, path, consumed, input);
    consumed += count;
    inflater->give(input);
    return true;
  }

  // Inflates until `out` is full or the stream ends; returns the bytes produced.
  std::size_t inflate_into(std::span<std::byte> out) {
    std::size_t got = 0;
    while (got < out.size() && !stream_ended) {
      const bool at_end = inflater->needs_input() && !refill();  // an inflater may have more than it gave so far
      const Inflater::Step step = inflater->inflate(out.subspan(got));
      got += step.produced;
      stream_ended = step.ended;
      if (!step.damage.empty()) fail_damaged(delivered + got, step.damage);
      const bool stuck = step.produced == 0 && !step.ended;
      if (stuck && at_end) fail_cut_short(delivered + got);
      if (stuck && !inflater->needs_input()) fail_damaged(delivered + got, "it does not go on");
    }
    checksum = io::crc32(out.first(got), checksum);
    return got;
  }

  // Behind the stream stand CRC-32 and length of the content, and nothing more.
  void check_trailer() const {
    std::array<std::byte, 8> trailer{};
    const std::uint64_t at = consumed - inflater->unused();
    if (size - at < trailer.size()) fail_cut_short(delivered);
    if (const std::uint64_t behind = size - at - trailer.size(); behind != 0) {
      fail(fmt::format("{} bytes follow the gzip member (a second member or junk); compress the scan again", behind));
    }
    read_exactly(fd, path, at, trailer);
    const auto field = [&](std::size_t at) {
      std::uint32_t value = 0;
      for (std::size_t i = 4; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(trailer[at + i]);
      return value;
    };
    const char* wrong = field(0) != checksum                                ? "incorrect data check"
                        : field(4) != static_cast<std::uint32_t>(delivered) ? "incorrect length check"
                                                                            : nullptr;
    if (wrong) fail_damaged(delivered, wrong);
  }
};

ByteReader::ByteReader(std::filesystem::path path, Inflation inflation) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.fd = open_for_reading(path);
  s.size = file_size(s.fd, path);
  s.path = std::move(path);
  constexpr std::array kGzipMagic{std::byte{0x1f}, std::byte{0x8b}};
  std::array<std::byte, 2> magic{};
  if (s.size >= magic.size()) read_exactly(s.fd, s.path, 0, magic);
  if (magic == kGzipMagic) s.start(inflation);
}

ByteReader::~ByteReader() = default;
ByteReader::ByteReader(ByteReader&&) noexcept = default;
ByteReader& ByteReader::operator=(ByteReader&&) noexcept = default;

bool ByteReader::compressed() const { return state_->inflater != nullptr; }
std::uint64_t ByteReader::capacity() const {
  const std::uint64_t ratio = compressed() ? kLargestRatio : 1;
  return std::min(state_->size, std::numeric_limits<std::uint64_t>::max() / ratio) * ratio;
}
std::uint64_t ByteReader::position() const { return state_->delivered; }

void ByteReader::read(std::span<std::byte> out) {
  State& s = *state_;
  if (!compressed()) {
    if (out.size() > s.size - s.delivered) {
      s.fail(fmt::format("cut short: {} bytes are needed, the file has {}", s.delivered + out.size(), s.size));
    }
    read_exactly(s.fd, s.path, s.delivered, out);
    s.delivered += out.size();
    return;
  }
  while (!out.empty()) {
    const std::span<std::byte> step = out.first(std::min(out.size(), kLargestStep));
    const std::size_t got = s.inflate_into(step);
    s.delivered += got;
    if (got < step.size()) {
      s.fail(fmt::format("content ends after {} bytes, {} are needed", s.delivered, s.delivered + out.size() - got));
    }
    out = out.subspan(got);
  }
}

void ByteReader::skip(std::uint64_t count) {
  if (!compressed()) {
    if (count > state_->size - state_->delivered) {
      state_->fail(
          fmt::format("cut short: byte {} is needed, the file has {}", state_->delivered + count, state_->size));
    }
    state_->delivered += count;
    return;
  }
  std::array<std::byte, 16 * 1024> scratch;
  while (count > 0) {
    const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(count, scratch.size()));
    read(std::span(scratch).first(step));
    count -= step;
  }
}

void ByteReader::expect_end() {
  State& s = *state_;
  if (!compressed()) {
    if (s.delivered != s.size) {
      s.fail(fmt::format("{} bytes follow the declared content of {}", s.size - s.delivered, s.delivered));
    }
    return;
  }
  std::byte extra;
  if (s.inflate_into(std::span(&extra, 1)) != 0) {
    s.fail(fmt::format("more content follows the declared {} bytes", s.delivered));
  }
  s.check_trailer();
}

struct GzipFile::Deflater {
  z_stream stream = {};
  Buffer buffer;
  explicit Deflater(int level) {
    constexpr int kMemoryLevel = 8;
    const int code = deflateInit2(&stream, level, Z_DEFLATED, kGzipWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY);
    BRAINMT_CHECK(code == Z_OK, "zlib could not start to deflate at level {}", level);
  }
  ~Deflater() { deflateEnd(&stream); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
};

GzipFile::GzipFile(std::filesystem::path target, int level)
    : file_(std::move(target)), deflater_(std::make_unique<Deflater>(level)) {}

GzipFile::~GzipFile() = default;

// Runs deflate on the pending input until it is used up and, with Z_FINISH, until the stream is complete.
void GzipFile::pump(int flush) {
  z_stream& z = deflater_->stream;
  int code = Z_OK;
  do {
    z.next_out = reinterpret_cast<Bytef*>(deflater_->buffer.data());
    z.avail_out = static_cast<uInt>(deflater_->buffer.size());
    code = deflate(&z, flush);
    BRAINMT_CHECK(code != Z_STREAM_ERROR, "deflate lost its state");
    file_.write(std::span<const std::byte>(deflater_->buffer).first(deflater_->buffer.size() - z.avail_out));
  } while (z.avail_out == 0 || (flush == Z_FINISH && code != Z_STREAM_END));
}

void GzipFile::write(std::span<const std::byte> data) {
  while (!data.empty()) {
    const std::size_t step = std::min(data.size(), kLargestStep);
    // zlib's interface lacks const; it only reads the input.
    deflater_->stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(data.data()));
    deflater_->stream.avail_in = static_cast<uInt>(step);
    pump(Z_NO_FLUSH);
    data = data.subspan(step);
  }
}

void GzipFile::commit() {
  pump(Z_FINISH);
  file_.commit();
}

}  // namespace brainmt::io

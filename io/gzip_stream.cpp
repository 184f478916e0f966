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
constexpr std::uint64_t kMaxRatio = 1032;
constexpr std::size_t kMaxStep = std::numeric_limits<uInt>::max();

using Buffer = std::array<std::byte, kBufferBytes>;

}  // namespace

struct ByteReader::State {
  std::filesystem::path path;
  std::unique_ptr<ByteSource> source;
  std::uint64_t size = 0;              // of the file
  std::uint64_t delivered = 0;         // bytes of content
  std::unique_ptr<Inflater> inflater;  // of a compressed file

  // Of the member that is being read:
  bool stream_ended = false, ended = false;  // its deflate stream; the file, whose last member it was
  std::uint64_t content = 0;                 // bytes of all members so far
  std::uint32_t member_bytes = 0;            // of its own content, modulo 2^32
  std::uint32_t checksum = 0;                // of its own content

  // The bytes [buffered_at, consumed) of the file lie in the buffer.
  std::uint64_t buffered_at = 0, consumed = 0;
  Buffer buffer;

  [[noreturn]] void fail(const std::string& reason) const {
    throw DataError(fmt::format("'{}': {}", path.string(), reason));
  }

  [[noreturn]] void fail_damaged(std::string_view why) const {
    fail(fmt::format("damaged gzip stream after {} bytes of content: {}; copy the file again", content, why));
  }
  [[noreturn]] void fail_cut_short() const {
    fail(fmt::format("gzip stream is cut short after {} bytes of content ({} bytes of file); copy the file again",
                     content, size));
  }

  // Begins with the member whose header starts at byte `first`. Small members (bgzip makes them of 64 KiB) share one
  // buffer: what of the next lies in it already is not read again.
  void start_member(std::uint64_t first) {
    const std::optional<GzipHeader> header = read_gzip_header(*source, first);
    if (!header) fail_cut_short();
    if (!header->damage.empty()) fail_damaged(header->damage);
    inflater->reset();
    stream_ended = false;
    checksum = member_bytes = 0;
    const std::uint64_t stream = first + header->bytes;
    if (stream >= buffered_at && stream < consumed) {
      inflater->give(std::span(buffer).subspan(stream - buffered_at, consumed - stream));
    } else {
      buffered_at = consumed = stream;
    }
  }

  bool refill() {
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size - consumed));
    if (count == 0) return false;
    const std::span<std::byte> input = std::span(buffer).first(count);
    source->read(consumed, input);
    buffered_at = consumed;
    consumed += count;
    inflater->give(input);
    return true;
  }

  // Inflates until `out` is full or the last member ends; returns the bytes produced.
  std::size_t inflate_into(std::span<std::byte> out) {
    std::size_t got = 0;
    while (got < out.size() && !ended) {
      if (stream_ended) {
        next_member();
        continue;
      }
      const bool at_end = inflater->needs_input() && !refill();  // an inflater may have more than it gave so far
      const Inflater::Step step = inflater->inflate(out.subspan(got));
      checksum = io::crc32(out.subspan(got, step.produced), checksum);
      got += step.produced;
      content += step.produced;
      member_bytes += static_cast<std::uint32_t>(step.produced);
      stream_ended = step.ended;
      if (!step.damage.empty()) fail_damaged(step.damage);
      const bool stuck = step.produced == 0 && !step.ended;
      if (stuck && at_end) fail_cut_short();
      if (stuck && !inflater->needs_input()) fail_damaged("it does not go on");
    }
    return got;
  }

  // Behind the stream stand CRC-32 and length of the content; then padding, a further member, or the end of the file.
  void next_member() {
    std::array<std::byte, 8> trailer{};
    const std::uint64_t at = consumed - inflater->unused();
    if (size - at < trailer.size()) fail_cut_short();
    source->read(at, trailer);
    const auto field = [&](std::size_t first) {
      std::uint32_t value = 0;
      for (std::size_t i = 4; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(trailer[first + i]);
      return value;
    };
    const char* wrong = field(0) != checksum       ? "incorrect data check"
                        : field(4) != member_bytes ? "incorrect length check"
                                                   : nullptr;
    if (wrong) fail_damaged(wrong);
    const std::uint64_t behind = at + trailer.size(), next = end_of_zeros(behind);
    ended = next == size;
    if (ended) return;
    if (!is_gzip_at(next)) {
      fail(fmt::format("{} bytes follow the gzip member, neither zeros nor a further member; copy or compress it again",
                       size - behind));
    }
    start_member(next);
  }

  bool is_gzip_at(std::uint64_t first) const {
    constexpr std::array kGzipMagic{std::byte{0x1f}, std::byte{0x8b}};
    std::array<std::byte, 2> magic{};
    if (size - first < magic.size()) return false;
    source->read(first, magic);
    return magic == kGzipMagic;
  }

  // The first byte from `first` on that is not zero, or the file's size.
  std::uint64_t end_of_zeros(std::uint64_t first) const {
    std::array<std::byte, 4096> piece;
    while (first < size) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), size - first));
      source->read(first, std::span(piece).first(count));
      const auto found = std::find_if(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(count),
                                      [](std::byte b) { return b != std::byte{}; });
      const auto zeros = static_cast<std::size_t>(found - piece.begin());
      first += zeros;
      if (zeros < count) break;
    }
    return first;
  }
};

ByteReader::ByteReader(std::filesystem::path path, Inflation inflation) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.source = open_source(path);
  s.size = s.source->size();
  s.path = std::move(path);
  if (!s.is_gzip_at(0)) return;
  s.inflater = make_inflater(inflation);
  s.start_member(0);
}

ByteReader::~ByteReader() = default;
ByteReader::ByteReader(ByteReader&&) noexcept = default;
ByteReader& ByteReader::operator=(ByteReader&&) noexcept = default;

bool ByteReader::compressed() const { return state_->inflater != nullptr; }
std::uint64_t ByteReader::capacity() const {
  const std::uint64_t ratio = compressed() ? kMaxRatio : 1;
  return std::min(state_->size, std::numeric_limits<std::uint64_t>::max() / ratio) * ratio;
}
std::uint64_t ByteReader::position() const { return state_->delivered; }

void ByteReader::read(std::span<std::byte> out) {
  State& s = *state_;
  if (!compressed()) {
    if (out.size() > s.size - s.delivered) {
      s.fail(fmt::format("cut short: {} bytes are needed, the file has {}", s.delivered + out.size(), s.size));
    }
    s.source->read(s.delivered, out);
    s.delivered += out.size();
    return;
  }
  while (!out.empty()) {
    const std::span<std::byte> step = out.first(std::min(out.size(), kMaxStep));
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
    const std::size_t step = std::min(data.size(), kMaxStep);
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

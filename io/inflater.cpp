#include "io/inflater.hpp"

#include <zlib.h>
#ifdef BRAINMT_HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif

#include "base/error.hpp"

namespace brainmt::io {
namespace {

// A z_stream holds a pointer to itself, so it must not move.
class ZlibInflater final : public Inflater {
 public:
  ZlibInflater() {
    constexpr int kRaw = -15;  // the largest window; negative: nothing around the stream
    BRAINMT_CHECK(inflateInit2(&stream_, kRaw) == Z_OK, "zlib could not start to inflate");
  }
  ~ZlibInflater() override { inflateEnd(&stream_); }

  void reset() override {
    inflateReset(&stream_);
    stream_.avail_in = 0;
  }

  void give(std::span<const std::byte> input) override {
    // zlib's interface lacks const; it only reads the input.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(input.data()));
    stream_.avail_in = static_cast<uInt>(input.size());
  }
  bool needs_input() const override { return stream_.avail_in == 0; }

  Step inflate(std::span<std::byte> out) override {
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    const int code = ::inflate(&stream_, Z_NO_FLUSH);
    Step step{.produced = out.size() - stream_.avail_out, .ended = code == Z_STREAM_END, .damage = {}};
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
      step.damage = stream_.msg ? stream_.msg : zError(code);
    }
    return step;
  }
  std::size_t unused() const override { return stream_.avail_in; }

 private:
  z_stream stream_ = {};
};

#ifdef BRAINMT_HAVE_ISAL
// It decodes ahead of what was asked for, at most two windows (64 KiB), and keeps that in its state.
class IsalInflater final : public Inflater {
 public:
  IsalInflater() { IsalInflater::reset(); }

  void reset() override {
    isal_inflate_init(&state_);
    state_.crc_flag = ISAL_DEFLATE;
  }

  void give(std::span<const std::byte> input) override {
    state_.next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(input.data()));
    state_.avail_in = static_cast<std::uint32_t>(input.size());
  }
  bool needs_input() const override { return state_.avail_in == 0; }

  Step inflate(std::span<std::byte> out) override {
    state_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    state_.avail_out = static_cast<std::uint32_t>(out.size());
    const int code = isal_inflate(&state_);
    Step step{.produced = out.size() - state_.avail_out,
              .ended = code == ISAL_DECOMP_OK && state_.block_state == ISAL_BLOCK_FINISH,
              .damage = {}};
    if (code < ISAL_DECOMP_OK) step.damage = reason(code);
    return step;
  }
  // The last bytes taken may still be in its bit buffer.
  std::size_t unused() const override {
    constexpr int kBitsInByte = 8;
    return state_.avail_in + static_cast<std::size_t>(state_.read_in_length / kBitsInByte);
  }

 private:
  static std::string_view reason(int code) {
    switch (code) {
      case ISAL_INVALID_BLOCK:
        return "invalid block";
      case ISAL_INVALID_SYMBOL:
        return "invalid code";
      case ISAL_INVALID_LOOKBACK:
        return "invalid distance too far back";
      default:
        return "invalid stream";
    }
  }

  inflate_state state_;
};
#endif

}  // namespace

std::unique_ptr<Inflater> make_inflater([[maybe_unused]] Inflation inflation) {
#ifdef BRAINMT_HAVE_ISAL
  if (inflation == Inflation::kFastest) return std::make_unique<IsalInflater>();
#endif
  return std::make_unique<ZlibInflater>();
}

}  // namespace brainmt::io

// libFuzzer's entry to one target; BRAINMT_FUZZ_TARGET names it. Where the input may be a gzip member, its content is
// mutated as well as its bytes: behind a checksum, blind mutation of the latter would never reach what is inside.
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "fuzz/targets.hpp"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

constexpr brainmt::fuzz::Target kTarget = *brainmt::fuzz::find_target(BRAINMT_FUZZ_TARGET);
constexpr std::size_t kMaxContent = 32 * 1024;
constexpr int kGzipWindowBits = 15 + 16;

using Buffer = std::vector<std::uint8_t>;

// What can be inflated of `packed`, at most kMaxContent bytes.
Buffer unpacked(std::uint8_t* packed, std::size_t size) {
  Buffer content(kMaxContent);
  z_stream z = {};
  inflateInit2(&z, kGzipWindowBits);
  z.next_in = packed;
  z.avail_in = static_cast<uInt>(size);
  z.next_out = content.data();
  z.avail_out = static_cast<uInt>(content.size());
  inflate(&z, Z_SYNC_FLUSH);
  content.resize(z.total_out);
  inflateEnd(&z);
  return content;
}

Buffer packed(Buffer& content, int level) {
  z_stream z = {};
  deflateInit2(&z, level, Z_DEFLATED, kGzipWindowBits, 8, Z_DEFAULT_STRATEGY);
  Buffer out(deflateBound(&z, content.size()));
  z.next_in = content.data();
  z.avail_in = static_cast<uInt>(content.size());
  z.next_out = out.data();
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

bool is_gzip(const std::uint8_t* data, std::size_t size) { return size > 2 && data[0] == 0x1f && data[1] == 0x8b; }

// Mutates the content of the file at `data`, compressed afterwards or not. Returns its new size, 0 when it did not fit.
std::size_t mutate_content(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  Buffer content = is_gzip(data, size) ? unpacked(data, size) : Buffer(data, data + size);
  const std::size_t before = content.size();
  content.resize(std::max<std::size_t>(kMaxContent, before));
  content.resize(LLVMFuzzerMutate(content.data(), before, content.size()));
  const bool compress = seed % 8 != 0;
  const Buffer out = compress ? packed(content, static_cast<int>(seed / 8 % 10)) : content;
  if (out.empty() || out.size() > max_size) return 0;
  std::ranges::copy(out, data);
  return out.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kTarget.run(std::as_bytes(std::span(data, size)));
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  if (kTarget.packed_at && size > *kTarget.packed_at && seed % 2 == 0) {
    const std::size_t at = *kTarget.packed_at;
    const std::size_t mutated = mutate_content(data + at, size - at, max_size - at, seed / 2);
    if (mutated > 0) return at + mutated;
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

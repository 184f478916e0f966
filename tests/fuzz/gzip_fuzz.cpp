// Plain and compressed files behind the byte reader, read in the steps that the first four bytes ask for: the number of
// bytes to read (two bytes, little endian), the step, and how many to skip first. What is read to a clean end must be
// what zlib's own one-shot call makes of the member.
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "fuzz/checks.hpp"
#include "io/gzip_stream.hpp"

namespace brainmt::fuzz {
namespace {

// The content when the whole file is one sound gzip member of `size` bytes; empty otherwise.
std::vector<std::byte> inflated_at_once(Bytes member, std::size_t size) {
  std::vector<std::byte> content(size + 1);
  z_stream z = {};
  require(inflateInit2(&z, 15 + 16) == Z_OK, "zlib starts");
  z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(member.data()));
  z.avail_in = static_cast<uInt>(member.size());
  z.next_out = reinterpret_cast<Bytef*>(content.data());
  z.avail_out = static_cast<uInt>(content.size());
  const bool whole = inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0;
  content.resize(whole ? z.total_out : 0);
  inflateEnd(&z);
  return content;
}

}  // namespace

void run_gzip(Bytes input) {
  if (input.size() < kGzipScriptBytes) return;
  const auto script = [&](std::size_t i) { return std::to_integer<std::size_t>(input[i]); };
  const std::size_t wanted = script(0) + 256 * script(1), step = 1 + script(2), skipped = std::min(script(3), wanted);
  const Bytes content = input.subspan(kGzipScriptBytes);
  const MemoryFile file(content);
  std::vector<std::byte> out(wanted - skipped);
  bool compressed = false;
  const bool whole = accepted<DataError>([&] {
    io::ByteReader reader(file.path());
    compressed = reader.compressed();
    reader.skip(skipped);
    for (std::size_t done = 0; done < out.size();) {
      const std::size_t count = std::min(step, out.size() - done);
      reader.read(std::span(out).subspan(done, count));
      done += count;
      require(reader.position() == skipped + done, "the position counts what was delivered");
    }
    reader.expect_end();
    require(reader.position() <= reader.capacity(), "no more comes out than the capacity");
  });
  if (!whole) return;
  const std::vector<std::byte> unpacked = compressed ? inflated_at_once(content, wanted) : std::vector<std::byte>();
  const Bytes expected = compressed ? Bytes(unpacked) : content;
  require(expected.size() == wanted, "the content has the size that was asked for");
  require(std::ranges::equal(expected.subspan(skipped), out), "the content is what zlib makes of it");
}

}  // namespace brainmt::fuzz

// Plain and compressed files behind the byte reader, read in the steps that the first four bytes ask for: the number of
// bytes to read (two bytes, little endian), the step, and how many to skip first. Through zlib, the reader accepts what
// zlib's own one-shot call accepts of each member; the faster inflater refuses none of that, and gives the same bytes.
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "fuzz/checks.hpp"
#include "io/gzip_stream.hpp"

namespace brainmt::fuzz {
namespace {

// The content when the file is a series of sound gzip members, `size` bytes in all, with nothing but zeros between and
// behind them; empty otherwise.
std::vector<std::byte> inflated_at_once(Bytes members, std::size_t size) {
  std::vector<std::byte> content(size + 1);
  std::size_t got = 0;
  while (!members.empty()) {
    z_stream z = {};
    require(inflateInit2(&z, 15 + 16) == Z_OK, "zlib starts");
    z.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(members.data()));
    z.avail_in = static_cast<uInt>(members.size());
    z.next_out = reinterpret_cast<Bytef*>(content.data() + got);
    z.avail_out = static_cast<uInt>(content.size() - got);
    const bool whole = inflate(&z, Z_FINISH) == Z_STREAM_END;
    got += z.total_out;
    members = members.last(z.avail_in);
    inflateEnd(&z);
    if (!whole) return {};
    const auto next = std::ranges::find_if(members, [](std::byte b) { return b != std::byte{}; });
    members = members.subspan(static_cast<std::size_t>(next - members.begin()));
  }
  content.resize(got);
  return content;
}

struct Script {
  std::size_t wanted, step, skipped;
};

// The bytes behind those skipped; none when the file is refused.
std::optional<std::vector<std::byte>> read_by(const std::filesystem::path& path, const Script& script,
                                              io::Inflation inflation) {
  std::vector<std::byte> out(script.wanted - script.skipped);
  const bool whole = accepted<DataError>([&] {
    io::ByteReader reader(path, inflation);
    reader.skip(script.skipped);
    for (std::size_t done = 0; done < out.size();) {
      const std::size_t count = std::min(script.step, out.size() - done);
      reader.read(std::span(out).subspan(done, count));
      done += count;
      require(reader.position() == script.skipped + done, "the position counts what was delivered");
    }
    reader.expect_end();
    require(reader.position() <= reader.capacity(), "no more comes out than the capacity");
  });
  if (!whole) return std::nullopt;
  return out;
}

bool is_compressed(Bytes content) {
  return content.size() >= 2 && content[0] == std::byte{0x1f} && content[1] == std::byte{0x8b};
}

}  // namespace

void run_gzip(Bytes input) {
  if (input.size() < kGzipScriptBytes) return;
  const auto byte = [&](std::size_t i) { return std::to_integer<std::size_t>(input[i]); };
  const std::size_t wanted = byte(0) + 256 * byte(1);
  const Script script{wanted, 1 + byte(2), std::min(byte(3), wanted)};
  const Bytes content = input.subspan(kGzipScriptBytes);
  const MemoryFile file(content);
  const auto fast = read_by(file.path(), script, io::Inflation::kFastest);
  const auto out = read_by(file.path(), script, io::Inflation::kZlib);
  const std::vector<std::byte> unpacked =
      is_compressed(content) ? inflated_at_once(content, wanted) : std::vector<std::byte>();
  const Bytes expected = is_compressed(content) ? Bytes(unpacked) : content;
  if (!out) return;
  require(fast.has_value() && *fast == *out, "both inflaters give the same content");
  require(expected.size() == wanted, "the content has the size that was asked for");
  require(std::ranges::equal(expected.subspan(script.skipped), *out), "the content is what zlib makes of it");
}

}  // namespace brainmt::fuzz

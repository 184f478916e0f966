// Zip archives: the first byte says in which steps a member named `m` is read. Its size is one that deflate can make of
// the input, and reading from the middle again gives the same bytes.
#include <algorithm>
#include <vector>

#include "base/error.hpp"
#include "fuzz/checks.hpp"
#include "io/zip_archive.hpp"

namespace brainmt::fuzz {

void run_zip(Bytes input) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 22;
  if (input.empty()) return;
  const std::size_t step = 1 + 16 * std::to_integer<std::size_t>(input[0]);
  const MemoryFile file(input.subspan(1));
  accepted<DataError>([&] {
    const io::ZipArchive archive(file.path());
    const auto source = archive.open("m");
    require(archive.has("m"), "what is opened is there");
    require(source->size() / 1033 <= input.size(), "no more comes out than deflate can make");
    if (source->size() > kMostBytes) return;
    std::vector<std::byte> content(static_cast<std::size_t>(source->size()));
    for (std::size_t at = 0; at < content.size(); at += step) {
      source->read(at, std::span(content).subspan(at, std::min(step, content.size() - at)));
    }
    const auto half = std::span(content).subspan(content.size() / 2);
    std::vector<std::byte> again(half.size());
    source->read(content.size() / 2, again);
    require(std::ranges::equal(half, again), "looking back gives the same bytes");
  });
}

}  // namespace brainmt::fuzz

// NIfTI scans: what the header declares lies inside the file, and exactly the declared frames come out.
#include <memory>

#include "base/error.hpp"
#include "fuzz/checks.hpp"
#include "io/nifti.hpp"

namespace brainmt::fuzz {
namespace {

bool same(const io::NiftiHeader& a, const io::NiftiHeader& b) {
  return a.version == b.version && a.swapped == b.swapped && a.dimensions == b.dimensions && a.shape == b.shape &&
         a.type == b.type && a.slope == b.slope && a.intercept == b.intercept &&
         a.repetition_time == b.repetition_time && a.affine == b.affine && a.data_offset == b.data_offset;
}

void require_within(const io::NiftiHeader& header, std::uint64_t capacity) {
  std::uint64_t bytes = io::bytes_of(header.type);
  for (const std::int64_t extent : header.shape) {
    require(extent >= 1, "extents are positive");
    require(!__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes), "the size fits");
  }
  require(header.data_offset <= capacity && bytes <= capacity - header.data_offset, "the declared data fit the file");
}

}  // namespace

void run_nifti(Bytes input) {
  const MemoryFile file(input);
  accepted<DataError>([&] {
    io::NiftiReader reader(file.path());
    const io::NiftiHeader header = reader.header();
    require(same(header, io::read_nifti_header(file.path())), "both ways to a header agree");
    require_within(header, io::ByteReader(file.path()).capacity());
    // Not initialised: the reader must not touch more of it than the file holds.
    const auto frame = std::make_unique_for_overwrite<float[]>(header.frame_voxels());
    std::int64_t frames = 0;
    while (reader.next_frame({frame.get(), header.frame_voxels()})) ++frames;
    require(frames == header.frames(), "all declared frames are read");
  });
}

}  // namespace brainmt::fuzz

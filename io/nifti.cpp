#include "io/nifti.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "io/nifti_header.hpp"

namespace brainmt::io {
namespace {

constexpr std::size_t kChunkVoxels = 32 * 1024;

// floats[i] = slope * stored[i] + intercept, in double: a 32-bit integer keeps its low bits until the last rounding.
template <class Stored>
void decode(std::span<std::byte> raw, bool swapped, double slope, double intercept, std::span<float> floats) {
  if (swapped) {
    for (std::size_t i = 0; i < floats.size(); ++i) {
      std::reverse(raw.begin() + i * sizeof(Stored), raw.begin() + (i + 1) * sizeof(Stored));
    }
  }
  for (std::size_t i = 0; i < floats.size(); ++i) {
    Stored value;
    std::memcpy(&value, raw.data() + i * sizeof(Stored), sizeof(Stored));
    floats[i] = static_cast<float>(slope * static_cast<double>(value) + intercept);
  }
}

void decode(const NiftiHeader& header, std::span<std::byte> raw, std::span<float> floats) {
  const auto as = [&]<class Stored>(Stored) {
    decode<Stored>(raw, header.swapped, header.slope, header.intercept, floats);
  };
  switch (header.type) {
    case NiftiType::kUint8:
      return as(std::uint8_t{});
    case NiftiType::kInt8:
      return as(std::int8_t{});
    case NiftiType::kInt16:
      return as(std::int16_t{});
    case NiftiType::kUint16:
      return as(std::uint16_t{});
    case NiftiType::kInt32:
      return as(std::int32_t{});
    case NiftiType::kUint32:
      return as(std::uint32_t{});
    case NiftiType::kInt64:
      return as(std::int64_t{});
    case NiftiType::kUint64:
      return as(std::uint64_t{});
    case NiftiType::kFloat32:
      return as(float{});
    case NiftiType::kFloat64:
      return as(double{});
  }
}

}  // namespace

NiftiHeader read_nifti_header(const std::filesystem::path& path) {
  ByteReader bytes(path);
  return nifti::parse_header(bytes, path);
}

NiftiReader::NiftiReader(const std::filesystem::path& path) : bytes_(path), header_(nifti::parse_header(bytes_, path)) {
  bytes_.skip(header_.data_offset - bytes_.position());
  chunk_.resize(std::min(kChunkVoxels, header_.frame_voxels()) * bytes_of(header_.type));
}

bool NiftiReader::next_frame(std::span<float> frame) {
  BRAINMT_CHECK(frame.size() == header_.frame_voxels(), "a frame has {} voxels, got {}", header_.frame_voxels(),
                frame.size());
  if (next_ == header_.frames()) return false;
  // In pieces, so that a frame which the file turns out not to hold touches no more of the caller's memory.
  for (std::size_t done = 0; done < frame.size();) {
    const std::size_t count = std::min(kChunkVoxels, frame.size() - done);
    const std::span<std::byte> raw = std::span(chunk_).first(count * bytes_of(header_.type));
    bytes_.read(raw);
    decode(header_, raw, frame.subspan(done, count));
    done += count;
  }
  if (++next_ == header_.frames()) bytes_.expect_end();
  return true;
}

}  // namespace brainmt::io

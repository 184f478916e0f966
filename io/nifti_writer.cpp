#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "io/nifti.hpp"
#include "io/nifti_header.hpp"

namespace brainmt::io {
namespace {

constexpr std::int16_t kAlignedCode = 2;  // NIFTI_XFORM_ALIGNED_ANAT

class HeaderBytes {
 public:
  template <class T>
  void put(std::size_t offset, T value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof(T));
  }
  void put_float(std::size_t offset, double value) { put(offset, static_cast<float>(value)); }
  std::span<const std::byte> all() const { return bytes_; }

 private:
  std::array<std::byte, nifti::kNifti1.header_bytes + nifti::kExtensionFlagBytes> bytes_{};
};

HeaderBytes encode(const NiftiHeader& header) {
  const nifti::Fields& f = nifti::kNifti1;
  HeaderBytes bytes;
  bytes.put(0, static_cast<std::int32_t>(f.header_bytes));
  bytes.put(f.dim, std::int16_t{4});
  bytes.put_float(f.pixdim, 1);
  for (std::size_t d = 0; d < 7; ++d) {
    const std::int64_t extent = d < header.shape.size() ? header.shape[d] : 1;
    BRAINMT_CHECK(extent >= 1 && extent <= std::numeric_limits<std::int16_t>::max(), "NIfTI-1 cannot hold extent {}",
                  extent);
    bytes.put(f.dim + 2 * (d + 1), static_cast<std::int16_t>(extent));
  }
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto& a = header.affine;
    bytes.put_float(f.pixdim + 4 * (axis + 1), std::hypot(a[axis], a[4 + axis], a[8 + axis]));
  }
  bytes.put_float(f.pixdim + 4 * 4, header.repetition_time);
  bytes.put(f.datatype, static_cast<std::int16_t>(header.type));
  bytes.put(f.bitpix, static_cast<std::int16_t>(8 * bytes_of(header.type)));
  bytes.put_float(f.vox_offset, static_cast<double>(f.header_bytes + nifti::kExtensionFlagBytes));
  const bool scaled = header.type == NiftiType::kInt16;
  bytes.put_float(f.slope, scaled ? header.slope : 1.0);
  bytes.put_float(f.intercept, scaled ? header.intercept : 0.0);
  bytes.put(f.xyzt_units, static_cast<std::uint8_t>(nifti::kUnitMillimetre | nifti::kUnitSecond));
  bytes.put(f.sform_code, kAlignedCode);
  for (std::size_t i = 0; i < 12; ++i) bytes.put_float(f.srow + 4 * i, header.affine[i]);
  bytes.put(f.magic, std::array<char, 4>{'n', '+', '1', '\0'});
  return bytes;
}

// The header stores slope and intercept as float, so the inverse uses the same rounded values as a reader will.
void quantize(std::span<const float> values, float slope, float intercept, std::span<std::int16_t> stored) {
  constexpr float kLowest = std::numeric_limits<std::int16_t>::min(),
                  kHighest = std::numeric_limits<std::int16_t>::max();
  for (std::size_t i = 0; i < values.size(); ++i) {
    stored[i] =
        static_cast<std::int16_t>(std::clamp(std::nearbyint((values[i] - intercept) / slope), kLowest, kHighest));
  }
}

}  // namespace

void write_nifti_gz(const std::filesystem::path& path, const NiftiHeader& header, const FrameSource& source,
                    int compression_level) {
  const bool integers = header.type == NiftiType::kInt16;
  BRAINMT_CHECK(integers || header.type == NiftiType::kFloat32, "can write int16 and float32, not NIfTI type {}",
                static_cast<int>(header.type));
  BRAINMT_CHECK(!integers || header.slope != 0, "int16 voxels need a slope");
  GzipFile file(path, compression_level);
  file.write(encode(header).all());
  std::vector<float> frame(header.frame_voxels());
  std::vector<std::int16_t> stored(integers ? frame.size() : 0);
  for (std::int64_t t = 0; t < header.frames(); ++t) {
    source(t, frame);
    if (integers) {
      quantize(frame, static_cast<float>(header.slope), static_cast<float>(header.intercept), stored);
      file.write(std::as_bytes(std::span(stored)));
    } else {
      file.write(std::as_bytes(std::span(frame)));
    }
  }
  file.commit();
}

}  // namespace brainmt::io

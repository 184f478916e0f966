#pragma once
// Internal to nifti.hpp: byte offsets of the used header fields in both versions of the format (nifti1.h, nifti2.h),
// and the parser.
#include <cstddef>
#include <filesystem>

#include "io/nifti.hpp"

namespace brainmt::io::nifti {

struct Fields {
  std::size_t header_bytes;
  std::size_t magic, magic_bytes;
  std::size_t dim;       // dim[0..7]: int16 or int64
  std::size_t datatype;  // int16
  std::size_t bitpix;    // int16
  std::size_t pixdim;    // pixdim[0..7]: float or double, and so are the next three
  std::size_t slope, intercept;
  std::size_t vox_offset;              // float or int64
  std::size_t xyzt_units;              // one byte, or int32
  std::size_t qform_code, sform_code;  // int16 or int32
  std::size_t quaternion;              // quatern_b, c, d, qoffset_x, y, z
  std::size_t srow;                    // three rows of four
};

inline constexpr Fields kNifti1{348, 344, 4, 40, 70, 72, 76, 112, 116, 108, 123, 252, 254, 256, 280};
inline constexpr Fields kNifti2{540, 4, 8, 16, 12, 14, 104, 176, 184, 168, 500, 344, 348, 352, 400};

/// Four bytes after the header say whether extensions follow; the data begins behind them at the earliest.
inline constexpr std::size_t kExtensionFlagBytes = 4;

inline constexpr int kUnitMetre = 1, kUnitMillimetre = 2, kUnitMicrometre = 3, kSpaceMask = 0x07;
inline constexpr int kUnitSecond = 8, kUnitMillisecond = 16, kUnitMicrosecond = 24, kTimeMask = 0x38;

/// Reads and checks the header of the scan at `path`: at the start of `bytes`, its content, or for the .img of a pair
/// in the .hdr beside it. Checks that `bytes` can hold what it declares.
NiftiHeader parse_header(ByteReader& bytes, const std::filesystem::path& path);

}  // namespace brainmt::io::nifti

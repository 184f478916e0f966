#pragma once
// NIfTI-1 and NIfTI-2 scans (plain or gzip, either byte order), read one frame at a time: single files, and pairs of
// .img and .hdr, which are named by their .img. A pair whose header is that of Analyze 7.5 is read as voxels of unknown
// orientation: its header has no affine, no unit and no scaling that programs agree on.
//
// Every header field is checked against the size of the file before use: dimensions, number of voxels, type, offset of
// the data. Memory of a reader does not depend on the header. Every failure is a DataError of one line: file, expected,
// found.
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "io/gzip_stream.hpp"

namespace brainmt::io {

/// Voxel types by their NIfTI code.
enum class NiftiType : std::int16_t {
  kUint8 = 2,
  kInt16 = 4,
  kInt32 = 8,
  kFloat32 = 16,
  kFloat64 = 64,
  kInt8 = 256,
  kUint16 = 512,
  kUint32 = 768,
  kInt64 = 1024,
  kUint64 = 1280
};
std::size_t bytes_of(NiftiType type);

/// Where a header's affine comes from. With neither code set the orientation of the image is unknown.
enum class AffineSource { kSform, kQform, kVoxelSizes };

struct NiftiHeader {
  int version = 1;                      // 1 or 2
  bool swapped = false;                 // the file's byte order is not this machine's
  int dimensions = 4;                   // as declared: 3 for a volume, 4 or more for a scan
  std::array<std::int64_t, 4> shape{};  // X, Y, Z, T; T is the extent of the one axis behind Z that is longer than 1
  NiftiType type = NiftiType::kFloat32;
  double slope = 1, intercept = 0;  // value = slope * stored + intercept; 1 and 0 where the file asks for none
  double repetition_time = 0;       // as in the header, finite; seconds by the file's unit, and none counts as seconds
  std::array<double, 16> affine{};  // row-major 4x4, voxel (i, j, k, 1) to millimetres; its 3x3 part is regular
  AffineSource affine_source = AffineSource::kSform;
  bool affine_refused = false;      // a code is set, but its matrix is singular or not finite: the next is used
  std::uint64_t data_offset = 352;  // bytes from the start of the (decompressed) file

  std::size_t frame_voxels() const { return static_cast<std::size_t>(shape[0] * shape[1] * shape[2]); }
  std::int64_t frames() const { return shape[3]; }
};

/// The file that holds the header of `path`: the .hdr or .hdr.gz beside an .img or .img.gz, else `path` itself.
std::filesystem::path nifti_header_file(const std::filesystem::path& path);

/// Reads and checks the header, and that a file of this size can hold what it declares.
NiftiHeader read_nifti_header(const std::filesystem::path& path);

/// The frames of one scan in order, as float with slope and intercept applied, X fastest.
class NiftiReader {
 public:
  explicit NiftiReader(const std::filesystem::path& path);

  const NiftiHeader& header() const { return header_; }
  /// Fills `frame` (header().frame_voxels() values) with the next frame. After the last frame the end of the file is
  /// checked too: its checksum, and that nothing follows. Returns false when there is no further frame.
  bool next_frame(std::span<float> frame);

 private:
  ByteReader bytes_;
  NiftiHeader header_;
  std::int64_t next_ = 0;
  std::vector<std::byte> chunk_;
};

/// Fills frame `t`, X fastest.
using FrameSource = std::function<void(std::int64_t t, std::span<float> frame)>;

/// Writes a gzip NIfTI-1 scan; equal input gives equal bytes. `header` gives shape, type (int16 or float32), slope and
/// intercept (int16 only: stored = (value - intercept) / slope, rounded to nearest, clamped; float32 is stored as it
/// is), repetition time and affine (its columns' lengths become the voxel sizes). Throws OutputError.
void write_nifti_gz(const std::filesystem::path& path, const NiftiHeader& header, const FrameSource& source,
                    int compression_level = 1);

}  // namespace brainmt::io

#include "io/nifti_header.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "base/error.hpp"
#include "io/foreign_file.hpp"
#include "io/lower_case.hpp"

namespace brainmt::io {

std::size_t bytes_of(NiftiType type) {
  switch (type) {
    case NiftiType::kUint8:
    case NiftiType::kInt8:
      return 1;
    case NiftiType::kInt16:
    case NiftiType::kUint16:
      return 2;
    case NiftiType::kInt32:
    case NiftiType::kUint32:
    case NiftiType::kFloat32:
      return 4;
    case NiftiType::kFloat64:
    case NiftiType::kInt64:
    case NiftiType::kUint64:
      return 8;
  }
  return 0;  // not a type that we read
}

namespace nifti {
namespace {

static_assert(std::endian::native == std::endian::little, "the byte order of a file is compared with little endian");

constexpr std::size_t kMaxHeaderBytes = 544;
constexpr std::int64_t kMaxAxis = 1 << 20;
// 512^3: several times the finest functional scan, and small enough that one frame of float fits anywhere.
constexpr std::int64_t kMaxFrameVoxels = std::int64_t{1} << 27;

class Parser {
 public:
  // `bytes`: with the header at its start; `capacity`: of the file with the voxels; `path`: of the former.
  Parser(ByteReader& bytes, const std::filesystem::path& path, std::uint64_t capacity, bool is_pair)
      : bytes_(bytes), path_(path), capacity_(capacity), is_pair_(is_pair) {}

  NiftiHeader parse() {
    read_raw();
    read_shape();
    read_type();
    read_scaling();
    read_geometry();
    read_extent();
    return header_;
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw DataError(fmt::format("'{}': {}", path_.string(), reason));
  }

  template <class T>
  T raw(std::size_t offset) const {
    std::array<std::byte, sizeof(T)> value;
    std::memcpy(value.data(), raw_.data() + offset, sizeof(T));
    if (header_.swapped) std::reverse(value.begin(), value.end());
    return std::bit_cast<T>(value);
  }
  // A field that is float in version 1 and double in version 2.
  double real(std::size_t first, std::size_t index = 0) const {
    return header_.version == 1 ? raw<float>(first + index * sizeof(float))
                                : raw<double>(first + index * sizeof(double));
  }
  double finite(std::size_t first, std::size_t index, const char* name) const {
    const double value = real(first, index);
    if (!std::isfinite(value)) fail(fmt::format("{} is {}, expected a finite number", name, value));
    return value;
  }
  std::int64_t code(std::size_t offset) const {
    if (is_analyze_) return 0;
    return header_.version == 1 ? std::int64_t{raw<std::int16_t>(offset)} : std::int64_t{raw<std::int32_t>(offset)};
  }

  void refuse_foreign() const {
    const std::string foreign = foreign_file(path_);
    if (!foreign.empty()) fail(foreign);
  }

  // The header's bytes, its version and byte order, from its declared length; then the magic must agree.
  void read_raw() {
    constexpr std::size_t kLengthBytes = 4;
    const std::span<std::byte> buffer(raw_);
    if (bytes_.capacity() < kLengthBytes) refuse_foreign();
    bytes_.read(buffer.first(kLengthBytes));
    std::uint32_t length = raw<std::uint32_t>(0);
    header_.swapped = length != kNifti1.header_bytes && length != kNifti2.header_bytes;
    length = raw<std::uint32_t>(0);
    if (length != kNifti1.header_bytes && length != kNifti2.header_bytes) {
      refuse_foreign();
      fail("is no NIfTI file: its first four bytes are not 348 (NIfTI-1) or 540 (NIfTI-2) in either byte order");
    }
    header_.version = length == kNifti1.header_bytes ? 1 : 2;
    fields_ = header_.version == 1 ? kNifti1 : kNifti2;
    bytes_.read(buffer.subspan(kLengthBytes, fields_.header_bytes - kLengthBytes));

    const std::string found(reinterpret_cast<const char*>(raw_.data()) + fields_.magic, fields_.magic_bytes);
    const std::string single = header_.version == 1 ? std::string("n+1\0", 4) : std::string("n+2\0\r\n\x1a\n", 8);
    std::string pair = single;
    pair[1] = 'i';
    if (found == (is_pair_ ? pair : single)) return;
    if (found == pair) fail("is the header of a .hdr/.img pair: give the .img, with the .hdr beside it");
    if (found == single) fail("is a whole scan, expected the header of a .hdr/.img pair: give it the ending .nii");
    if (!is_pair_ || header_.version != 1)
      fail("has a NIfTI length but not the magic 'n+1' or 'n+2' of a single-file scan");
    is_analyze_ = true;
  }

  std::int64_t dim(std::size_t index) const {
    return header_.version == 1 ? std::int64_t{raw<std::int16_t>(fields_.dim + 2 * index)}
                                : raw<std::int64_t>(fields_.dim + 8 * index);
  }

  // X, Y, Z, and the one axis behind them that is longer than 1: some tools write time as the fifth.
  void read_shape() {
    constexpr std::int64_t kMaxDimensions = 7;
    const std::int64_t dimensions = dim(0);
    if (dimensions < 1 || dimensions > kMaxDimensions) {
      fail(fmt::format("declares {} dimensions, expected 1 to {}", dimensions, kMaxDimensions));
    }
    header_.dimensions = static_cast<int>(dimensions);
    header_.shape.fill(1);
    for (std::size_t d = 1; d <= static_cast<std::size_t>(dimensions); ++d) {
      const std::int64_t extent = dim(d);
      if (extent < 1 || extent > kMaxAxis) {
        fail(fmt::format("declares extent {} for dimension {}, expected 1 to {}", extent, d, kMaxAxis));
      }
      if (d < header_.shape.size()) {
        header_.shape[d - 1] = extent;
      } else if (extent > 1) {
        if (header_.frames() > 1) {
          fail(
              fmt::format("has {} dimensions, of which both {} and {} are longer than 1, expected one axis of time: "
                          "split it into scans of four dimensions",
                          dimensions, time_axis_, d));
        }
        header_.shape.back() = extent;
        time_axis_ = d;
      }
    }
    const auto& s = header_.shape;  // at most 2^20 each: no overflow
    if (s[0] * s[1] * s[2] > kMaxFrameVoxels) {
      fail(fmt::format("declares frames of {}x{}x{} voxels, more than {}", s[0], s[1], s[2], kMaxFrameVoxels));
    }
  }

  void read_type() {
    const std::int16_t datatype = raw<std::int16_t>(fields_.datatype), bitpix = raw<std::int16_t>(fields_.bitpix);
    header_.type = static_cast<NiftiType>(datatype);
    const std::size_t bytes = bytes_of(header_.type);
    if (bytes == 0) {
      fail(fmt::format(
          "has data type {}, expected an integer or float type (2, 4, 8, 16, 64, 256, 512, 768, 1024, 1280)",
          datatype));
    }
    if (bitpix != static_cast<int>(8 * bytes)) {
      fail(fmt::format("says {} bits per voxel, but its data type {} has {}", bitpix, datatype, 8 * bytes));
    }
  }

  // A slope of 0, NaN or infinity means that the values are stored as they are.
  void read_scaling() {
    if (is_analyze_) return;
    const double slope = real(fields_.slope);
    if (slope == 0 || !std::isfinite(slope)) return;
    header_.slope = slope;
    header_.intercept = finite(fields_.intercept, 0, "scl_inter");
  }

  // Of the time axis. Where that is not the fourth, programs differ in which pixdim they set; 1 is what stands in those
  // that they do not.
  double time_step() const {
    const double own = real(fields_.pixdim, time_axis_), fourth = real(fields_.pixdim, 4);
    const auto is_set = [](double value) { return std::isfinite(value) && value > 0 && value != 1; };
    const double step = !is_set(own) && is_set(fourth) ? fourth : own;
    return std::isfinite(step) ? step : 0;
  }

  int units() const {
    if (is_analyze_) return 0;
    return header_.version == 1 ? raw<std::uint8_t>(fields_.xyzt_units) : raw<std::int32_t>(fields_.xyzt_units);
  }

  void read_geometry() {
    const int units = this->units();
    const int space = units & kSpaceMask, time = units & kTimeMask;
    const double seconds = time == kUnitMillisecond ? 1e-3 : time == kUnitMicrosecond ? 1e-6 : 1.0;
    header_.repetition_time = header_.dimensions >= 4 ? seconds * time_step() : 0.0;
    read_affine();
    const double millimetres = space == kUnitMetre ? 1e3 : space == kUnitMicrometre ? 1e-3 : 1.0;
    for (double& value : header_.affine) value *= millimetres;
    header_.affine[15] = 1;
  }

  // The sform, else the qform, else the voxel sizes; a transform that does not map voxels one to one is skipped.
  void read_affine() {
    for (const AffineSource source : {AffineSource::kSform, AffineSource::kQform}) {
      const bool is_sform = source == AffineSource::kSform;
      if (code(is_sform ? fields_.sform_code : fields_.qform_code) <= 0) continue;
      header_.affine_source = source;
      if (is_sform) {
        for (std::size_t i = 0; i < 12; ++i) header_.affine[i] = real(fields_.srow, i);
      } else {
        affine_from_quaternion();
      }
      if (is_regular(header_.affine)) return;
      header_.affine_refused = true;
    }
    header_.affine_source = AffineSource::kVoxelSizes;
    header_.affine.fill(0);
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double size = std::abs(real(fields_.pixdim, 1 + axis));
      header_.affine[5 * axis] = size > 0 && std::isfinite(size) ? size : 1.0;
    }
  }

  // All finite, and the columns span a volume that is no rounding error beside their lengths.
  static bool is_regular(const std::array<double, 16>& m) {
    constexpr double kFlattest = 1e-6;
    double lengths = 1;
    for (std::size_t axis = 0; axis < 3; ++axis) lengths *= std::hypot(m[axis], m[4 + axis], m[8 + axis]);
    const double volume =
        m[0] * (m[5] * m[10] - m[6] * m[9]) - m[1] * (m[4] * m[10] - m[6] * m[8]) + m[2] * (m[4] * m[9] - m[5] * m[8]);
    const bool finite = std::all_of(m.begin(), m.begin() + 12, [](double x) { return std::isfinite(x); });
    return finite && std::isfinite(lengths) && std::abs(volume) > kFlattest * lengths && lengths > 0;
  }

  // The rotation of a unit quaternion (a, b, c, d), columns scaled by the voxel sizes; pixdim[0] flips the third axis.
  void affine_from_quaternion() {
    std::array<double, 6> q;
    for (std::size_t i = 0; i < q.size(); ++i) q[i] = real(fields_.quaternion, i);
    double b = q[0], c = q[1], d = q[2];
    const double squares = b * b + c * c + d * d;
    double a = std::sqrt(std::max(0.0, 1.0 - squares));
    if (squares > 1.0) {  // rounding in the file; a half turn
      const double scale = 1.0 / std::sqrt(squares);
      a = 0, b *= scale, c *= scale, d *= scale;
    }
    const double rotation[3][3] = {{a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)},
                                   {2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)},
                                   {2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c}};
    const double flip = real(fields_.pixdim) < 0 ? -1.0 : 1.0;
    for (std::size_t row = 0; row < 3; ++row) {
      for (std::size_t column = 0; column < 3; ++column) {
        const double size = real(fields_.pixdim, 1 + column);
        header_.affine[4 * row + column] = rotation[row][column] * size * (column == 2 ? flip : 1.0);
      }
      header_.affine[4 * row + 3] = q[3 + row];
    }
  }

  // Where the data begins, and whether the file can hold it.
  void read_extent() {
    const double offset = header_.version == 1 ? double{raw<float>(fields_.vox_offset)}
                                               : static_cast<double>(raw<std::int64_t>(fields_.vox_offset));
    const std::uint64_t first = is_pair_ ? 0 : fields_.header_bytes + kExtensionFlagBytes;
    // Negated, so that NaN fails too.
    if (!(offset >= static_cast<double>(first) && offset <= static_cast<double>(capacity_)) ||
        offset != std::floor(offset)) {
      fail(fmt::format("vox_offset is {:g}, expected a whole number from {} to the file's size of at most {}", offset,
                       first, capacity_));
    }
    header_.data_offset = static_cast<std::uint64_t>(offset);
    const std::uint64_t available = capacity_ - header_.data_offset;
    const std::uint64_t frame_bytes = header_.frame_voxels() * bytes_of(header_.type);  // at most 2^30
    const std::uint64_t frames = static_cast<std::uint64_t>(header_.frames());
    if (frame_bytes > available / frames) {
      const auto& s = header_.shape;
      fail(fmt::format(
          "declares {}x{}x{}x{} voxels of {} bytes, but {} bytes are the most that the file can hold; it is "
          "cut short or its header is wrong",
          s[0], s[1], s[2], s[3], bytes_of(header_.type), available));
    }
  }

  ByteReader& bytes_;
  const std::filesystem::path& path_;
  std::uint64_t capacity_;
  bool is_pair_, is_analyze_ = false;
  std::array<std::byte, kMaxHeaderBytes> raw_{};
  Fields fields_ = kNifti1;
  std::size_t time_axis_ = 4;
  NiftiHeader header_;
};

}  // namespace

NiftiHeader parse_header(ByteReader& bytes, const std::filesystem::path& path) {
  const std::filesystem::path file = nifti_header_file(path);
  if (file == path) return Parser(bytes, path, bytes.capacity(), false).parse();
  ByteReader header(file);
  return Parser(header, file, bytes.capacity(), true).parse();
}

}  // namespace nifti

std::filesystem::path nifti_header_file(const std::filesystem::path& path) {
  const std::string& name = path.native();
  const std::string lower = lower_case(name);
  std::size_t stem = 0;
  for (const std::string_view ending : {".img", ".img.gz"})
    if (lower.ends_with(ending)) stem = name.size() - ending.size();
  if (stem == 0) return path;
  const bool is_upper = name[stem + 1] == 'I';
  std::error_code unknown;
  const std::filesystem::path plain = name.substr(0, stem) + (is_upper ? ".HDR" : ".hdr");
  const std::filesystem::path packed = plain.native() + (is_upper ? ".GZ" : ".gz");
  const bool is_packed = lower.ends_with(".gz");
  const auto &same = is_packed ? packed : plain, &other = is_packed ? plain : packed;
  return !std::filesystem::exists(same, unknown) && std::filesystem::exists(other, unknown) ? other : same;
}

}  // namespace brainmt::io

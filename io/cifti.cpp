#include "io/cifti.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "base/error.hpp"
#include "io/foreign_file.hpp"
#include "io/gzip_stream.hpp"
#include "io/printable.hpp"
#include "io/table.hpp"
#include "io/xml_reader.hpp"

namespace brainmt::io {
namespace {

static_assert(std::endian::native == std::endian::little, "the byte order of a file is compared with little endian");

constexpr std::size_t kHeaderBytes = 540, kDim = 16, kVoxOffset = 168, kSlope = 176, kIntercept = 184;
constexpr std::int32_t kCiftiExtension = 32;
constexpr std::int64_t kMaxParcels = 65536, kMaxFrames = 1 << 20, kMaxValues = 1 << 27;
constexpr std::uint64_t kMaxXml = std::uint64_t{256} << 20;
constexpr std::size_t kMaxName = 1024;

// One of the two axes of the matrix.
struct Axis {
  enum class Kind { kNone, kSeries, kParcels, kOther } kind = Kind::kNone;
  std::string type;         // as the file calls it
  std::int64_t points = 0;  // kSeries
  double step = std::numeric_limits<double>::quiet_NaN();
  std::vector<std::string> names;  // kParcels
};

class File {
 public:
  explicit File(const std::filesystem::path& path) : path_(path), bytes_(path) {
    read_header();
    read_extensions();
    check_axes();
  }

  CiftiSeries axes() const {
    const Axis& series = axes_[series_axis_];
    return {
        .names = axes_[1 - series_axis_].names, .frames = series.points, .repetition_time = series.step, .values = {}};
  }

  CiftiSeries whole() {
    CiftiSeries all = axes();
    bytes_.skip(data_offset_ - bytes_.position());
    const auto rows = static_cast<std::size_t>(extent_[1]), columns = static_cast<std::size_t>(extent_[0]);
    const std::size_t parcels = all.names.size(), size = is_double_ ? 8 : 4;
    all.values.resize(rows * columns);
    std::vector<std::byte> row(columns * size);
    for (std::size_t r = 0; r < rows; ++r) {  // columns vary fastest
      bytes_.read(row);
      for (std::size_t c = 0; c < columns; ++c) {
        const std::span<std::byte> item = std::span(row).subspan(c * size, size);
        if (swapped_) std::reverse(item.begin(), item.end());
        const std::size_t frame = series_axis_ == 0 ? c : r, parcel = series_axis_ == 0 ? r : c;
        all.values[frame * parcels + parcel] = value_of(item, frame, all.names[parcel]);
      }
    }
    bytes_.expect_end();
    return all;
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw DataError(fmt::format("'{}': {}", path_.string(), reason));
  }
  template <class T>
  T raw(std::size_t offset) const {
    std::array<std::byte, sizeof(T)> value;
    std::memcpy(value.data(), header_.data() + offset, sizeof(T));
    if (swapped_) std::reverse(value.begin(), value.end());
    return std::bit_cast<T>(value);
  }
  std::int32_t integer(std::span<const std::byte> from) const {
    std::array<std::byte, 4> value;
    std::memcpy(value.data(), from.data(), 4);
    if (swapped_) std::reverse(value.begin(), value.end());
    return std::bit_cast<std::int32_t>(value);
  }

  float value_of(std::span<const std::byte> item, std::size_t frame, const std::string& parcel) const {
    double value = 0;
    if (is_double_) {
      std::memcpy(&value, item.data(), 8);
    } else {
      float narrow = 0;
      std::memcpy(&narrow, item.data(), 4);
      value = narrow;
    }
    const float stored = static_cast<float>(slope_ * value + intercept_);
    if (std::isinf(stored)) fail(fmt::format("frame {} of parcel {} is infinite", frame, printable(parcel)));
    return stored;
  }

  void read_header() {
    const std::string foreign = bytes_.capacity() < kHeaderBytes ? foreign_file(path_) : "";
    if (!foreign.empty()) fail(foreign);
    if (bytes_.capacity() < kHeaderBytes) fail("is too short for a CIFTI file (NIfTI-2 header of 540 bytes)");
    bytes_.read(header_);
    swapped_ = raw<std::int32_t>(0) != static_cast<std::int32_t>(kHeaderBytes);
    const std::string magic(reinterpret_cast<const char*>(header_.data()) + 4, 3);
    if (raw<std::int32_t>(0) != static_cast<std::int32_t>(kHeaderBytes) || magic != "n+2")
      fail("is no CIFTI file: it does not begin with a NIfTI-2 header");
    const auto type = raw<std::int16_t>(12), bits = raw<std::int16_t>(14);
    is_double_ = type == 64;
    if (!(type == 16 && bits == 32) && !(type == 64 && bits == 64))
      fail(fmt::format("has data type {} of {} bits, expected float32 or float64 (16 or 64)", type, bits));
    read_shape();
    const auto offset = raw<std::int64_t>(kVoxOffset);
    if (offset < static_cast<std::int64_t>(kHeaderBytes + 4) || static_cast<std::uint64_t>(offset) > bytes_.capacity())
      fail(fmt::format("vox_offset is {}, expected 544 to the file's size of at most {}", offset, bytes_.capacity()));
    data_offset_ = static_cast<std::uint64_t>(offset);
    const auto values = static_cast<std::uint64_t>(extent_[0] * extent_[1]);
    if (values * (is_double_ ? 8 : 4) > bytes_.capacity() - data_offset_)
      fail(fmt::format("declares a matrix of {} x {}, more than the file can hold: it is cut short", extent_[0],
                       extent_[1]));
    const double slope = raw<double>(kSlope), intercept = raw<double>(kIntercept);
    if (slope == 0 || !std::isfinite(slope)) return;
    if (!std::isfinite(intercept)) fail(fmt::format("scl_inter is {}, expected a finite number", intercept));
    slope_ = slope;
    intercept_ = intercept;
  }

  void read_shape() {
    const auto dim = [&](std::size_t d) { return raw<std::int64_t>(kDim + 8 * d); };
    bool good = dim(0) == 6;
    for (std::size_t d = 1; good && d <= 4; ++d) good = dim(d) == 1;
    for (std::size_t axis = 0; axis < 2; ++axis) {
      extent_[axis] = good ? dim(5 + axis) : 0;
      good = good && extent_[axis] >= 1 && extent_[axis] <= kMaxFrames;
    }
    if (!good || extent_[0] * extent_[1] > kMaxValues)
      fail("is no CIFTI matrix: expected the dimensions 1, 1, 1, 1 and two of at most 2^20, 2^27 values in all");
  }

  // The extensions follow one another up to the data; that of CIFTI holds the XML.
  void read_extensions() {
    std::array<std::byte, 4> flag;
    bytes_.read(flag);
    if (flag[0] == std::byte{0}) fail("has no header extension, expected the XML of CIFTI-2");
    while (bytes_.position() + 8 <= data_offset_) {
      std::array<std::byte, 8> head;
      bytes_.read(head);
      const std::int32_t size = integer(head), code = integer(std::span(head).subspan(4));
      const std::uint64_t left = data_offset_ - bytes_.position();
      if (size < 8 || static_cast<std::uint64_t>(size) - 8 > left)
        fail(fmt::format("has an extension of {} bytes where {} are left before its data", size, left + 8));
      const std::uint64_t content = static_cast<std::uint64_t>(size) - 8;
      if (code != kCiftiExtension) {
        bytes_.skip(content);
        continue;
      }
      if (content > kMaxXml) fail(fmt::format("has {} bytes of XML, more than {}", content, kMaxXml));
      std::string xml(static_cast<std::size_t>(content), '\0');
      bytes_.read(std::as_writable_bytes(std::span(xml)));
      xml.resize(xml.find_last_not_of('\0') + 1);
      return read_description(xml);
    }
    fail("has no header extension of CIFTI-2 (code 32)");
  }

  void read_description(const std::string& xml) {
    std::vector<Axis*> current;  // of the MatrixIndicesMap that is open
    read_xml(xml, fmt::format("'{}'", path_.string()), [&](const XmlElement& element, std::size_t depth) {
      if (depth == 0) {
        const std::string* version = element.find("Version");
        if (element.name != "CIFTI") fail(fmt::format("its XML is {}, expected CIFTI", printable(element.name)));
        if (version == nullptr || !version->starts_with("2"))
          fail(fmt::format("is CIFTI of version {}, expected 2: wb_command -file-convert -cifti-version-convert",
                           version == nullptr ? "'1'" : printable(*version)));
      } else if (depth == 2) {
        current = element.name == "MatrixIndicesMap" ? open_map(element) : std::vector<Axis*>();
      } else if (depth == 3 && element.name == "Parcel") {
        const std::string* name = element.find("Name");
        if (name == nullptr || name->empty() || name->size() > kMaxName) fail("has a parcel without a name");
        for (Axis* axis : current) {
          if (axis->names.size() == static_cast<std::size_t>(kMaxParcels))
            fail(fmt::format("has more than {} parcels", kMaxParcels));
          axis->names.push_back(*name);
        }
      }
    });
  }

  std::vector<Axis*> open_map(const XmlElement& element) {
    const std::string *applies = element.find("AppliesToMatrixDimension"), *type = element.find("IndicesMapToDataType");
    if (applies == nullptr || type == nullptr) fail("has a MatrixIndicesMap without its dimension or type");
    std::vector<Axis*> axes;
    for (std::string_view rest = *applies; !rest.empty();) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view word = rest.substr(0, comma);
      if (word != "0" && word != "1")
        fail(fmt::format("has a MatrixIndicesMap for dimension {}, expected 0 or 1", printable(*applies)));
      Axis& axis = axes_[word == "0" ? 0 : 1];
      if (axis.kind != Axis::Kind::kNone) fail(fmt::format("describes dimension {} twice", word));
      axis.type = *type;
      axis.kind = *type == "CIFTI_INDEX_TYPE_SERIES"    ? Axis::Kind::kSeries
                  : *type == "CIFTI_INDEX_TYPE_PARCELS" ? Axis::Kind::kParcels
                                                        : Axis::Kind::kOther;
      if (axis.kind == Axis::Kind::kSeries) read_series_axis(element, axis);
      axes.push_back(&axis);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    return axes;
  }

  void read_series_axis(const XmlElement& element, Axis& axis) const {
    const auto number = [&](std::string_view key) {
      const std::string* text = element.find(key);
      const std::optional<double> value = text == nullptr ? std::nullopt : parse_number(*text);
      if (!value) fail(fmt::format("its series has no number {}", key));
      return *value;
    };
    const double points = number("NumberOfSeriesPoints"), exponent = number("SeriesExponent");
    if (!(points >= 1 && points <= static_cast<double>(kMaxFrames)) || points != std::floor(points))
      fail(fmt::format("its series has {} points, expected 1 to {}", points, kMaxFrames));
    axis.points = static_cast<std::int64_t>(points);
    const std::string* unit = element.find("SeriesUnit");
    const double step = number("SeriesStep") * std::pow(10.0, exponent);
    if ((unit == nullptr || *unit == "SECOND") && std::isfinite(step) && step > 0) axis.step = step;
  }

  void check_axes() {
    using Kind = Axis::Kind;
    for (const Axis& axis : axes_) {
      if (axis.kind == Kind::kNone) fail("its XML does not describe both dimensions of the matrix");
      if (axis.type == "CIFTI_INDEX_TYPE_BRAIN_MODELS")
        fail(
            fmt::format("holds values of vertices and voxels (dense), expected parcels: wb_command -cifti-parcellate "
                        "'{}' ATLAS.dlabel.nii COLUMN OUT.ptseries.nii makes them",
                        path_.filename().string()));
    }
    series_axis_ = axes_[0].kind == Kind::kSeries ? 0 : 1;
    const Axis &series = axes_[series_axis_], &parcels = axes_[1 - series_axis_];
    if (series.kind != Kind::kSeries || parcels.kind != Kind::kParcels)
      fail(fmt::format("has the axes {} and {}, expected a series of parcels (.ptseries.nii)", printable(axes_[0].type),
                       printable(axes_[1].type)));
    if (series.points != extent_[series_axis_] ||
        static_cast<std::int64_t>(parcels.names.size()) != extent_[1 - series_axis_])
      fail(fmt::format("its XML has {} points and {} parcels, its matrix is {} x {}", series.points,
                       parcels.names.size(), extent_[series_axis_], extent_[1 - series_axis_]));
    std::set<std::string_view> seen;
    for (const std::string& name : parcels.names)
      if (!seen.insert(name).second) fail(fmt::format("has two parcels named {}", printable(name)));
  }

  std::filesystem::path path_;
  ByteReader bytes_;
  std::array<std::byte, kHeaderBytes> header_{};
  bool swapped_ = false, is_double_ = false;
  std::array<std::int64_t, 2> extent_{};  // of matrix dimension 0, the fastest, and 1
  std::uint64_t data_offset_ = 0;
  double slope_ = 1, intercept_ = 0;
  std::array<Axis, 2> axes_;
  std::size_t series_axis_ = 0;
};

}  // namespace

CiftiSeries read_cifti_axes(const std::filesystem::path& path) { return File(path).axes(); }

CiftiSeries read_cifti_series(const std::filesystem::path& path) { return File(path).whole(); }

}  // namespace brainmt::io

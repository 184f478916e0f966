#pragma once
// Scans as raw bytes for tests of the readers: a well-formed NIfTI file of either version and byte order whose fields
// can then be falsified one by one. Offsets are spelled out from nifti1.h and nifti2.h, apart from the reader's own
// table.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace brainmt::test {

class NiftiBytes {
 public:
  /// A 4-D scan of `shape` with NIfTI type `code` of `bits` bits, 2 mm voxels by sform, TR 1.5 s, no data yet.
  NiftiBytes(std::array<std::int64_t, 4> shape, int code, int bits, int version = 1, bool swapped = false)
      : version_(version), swapped_(swapped), bytes_(version == 1 ? 352 : 544, '\0') {
    put<std::int32_t>(0, version == 1 ? 348 : 540);
    version == 1 ? bytes_.replace(344, 4, "n+1\0", 4) : bytes_.replace(4, 8, "n+2\0\r\n\x1a\n", 8);
    set_dim(0, 4);
    for (int d = 0; d < 4; ++d) set_dim(d + 1, shape[static_cast<std::size_t>(d)]);
    for (int d = 5; d < 8; ++d) set_dim(d, 1);
    set_type(code, bits);
    for (std::size_t d = 1; d <= 3; ++d) set_pixdim(d, 2.0);
    set_pixdim(4, 1.5);
    version == 1 ? put<std::uint8_t>(123, 2 + 8) : put<std::int32_t>(500, 2 + 8);
    set_scaling(1, 0);
    set_offset(static_cast<double>(bytes_.size()));
    set_sform_code(1);
    for (std::size_t axis = 0; axis < 3; ++axis) set_srow(axis, axis, 2.0);
  }

  template <class T>
  void put(std::size_t offset, T value) {
    if (swapped_) {
      auto raw = std::bit_cast<std::array<char, sizeof(T)>>(value);
      std::reverse(raw.begin(), raw.end());
      value = std::bit_cast<T>(raw);
    }
    std::memcpy(bytes_.data() + offset, &value, sizeof(T));
  }
  void real(std::size_t offset1, std::size_t offset2, std::size_t index, double value) {
    version_ == 1 ? put(offset1 + 4 * index, static_cast<float>(value)) : put(offset2 + 8 * index, value);
  }
  void set_dim(int d, std::int64_t extent) {
    const auto index = static_cast<std::size_t>(d);
    version_ == 1 ? put(40 + 2 * index, static_cast<std::int16_t>(extent)) : put(16 + 8 * index, extent);
  }
  void set_type(int code, int bits) {
    put(version_ == 1 ? 70 : 12, static_cast<std::int16_t>(code));
    put(version_ == 1 ? 72 : 14, static_cast<std::int16_t>(bits));
  }
  void set_pixdim(std::size_t index, double value) { real(76, 104, index, value); }
  void set_scaling(double slope, double intercept) {
    real(112, 176, 0, slope);
    real(116, 184, 0, intercept);
  }
  void set_offset(double value) {
    version_ == 1 ? put(108, static_cast<float>(value)) : put(168, static_cast<std::int64_t>(value));
  }
  void set_qform_code(int code) { version_ == 1 ? put(252, std::int16_t(code)) : put(344, std::int32_t{code}); }
  void set_sform_code(int code) { version_ == 1 ? put(254, std::int16_t(code)) : put(348, std::int32_t{code}); }
  void set_quaternion(std::size_t index, double value) { real(256, 352, index, value); }
  void set_srow(std::size_t row, std::size_t column, double value) { real(280, 400, 4 * row + column, value); }

  template <class T>
  NiftiBytes& append(const std::vector<T>& voxels) {
    for (const T value : voxels) {
      bytes_.resize(bytes_.size() + sizeof(T));
      put(bytes_.size() - sizeof(T), value);
    }
    return *this;
  }
  std::string& bytes() { return bytes_; }

 private:
  int version_;
  bool swapped_;
  std::string bytes_;
};

/// `content` compressed by zlib; `window_bits` chooses the wrapping: -15 none, 15 + 16 gzip.
inline std::string deflated(const std::string& content, int window_bits, int level = 6) {
  z_stream z = {};
  deflateInit2(&z, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, content.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  z.avail_in = static_cast<uInt>(content.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

/// One gzip member of `content`.
inline std::string gzipped(const std::string& content, int level = 6) { return deflated(content, 15 + 16, level); }

}  // namespace brainmt::test

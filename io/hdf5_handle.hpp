#pragma once
// RAII HDF5 identifiers, and checked HDF5 calls: a failure becomes an Error with the file, the operation and the
// library's innermost reason on one line.
#include <hdf5.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace brainmt::io {

/// Called before the first HDF5 call of every entry point; only the first call acts. Silences the library's own
/// printing, refuses plug-ins (code named by a data file), and takes away its exit handler, which can fault after a
/// failed write.
void prepare_hdf5();

/// The innermost message of the library's error stack, for the call that has just failed.
std::string hdf5_reason();

/// `result` of an HDF5 call, or an E when it is negative: "cannot <operation> '<file>': <reason>".
template <class E, class Result>
Result hdf5_check(Result result, const std::filesystem::path& file, std::string_view operation) {
  if (result < 0) throw E(fmt::format("cannot {} '{}': {}", operation, file.string(), hdf5_reason()));
  return result;
}

template <herr_t (*Close)(hid_t)>
class Hdf5Handle {
 public:
  Hdf5Handle() = default;
  /// Takes ownership; a negative identifier is no handle.
  explicit Hdf5Handle(hid_t id) : id_(id) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(other.release()) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~Hdf5Handle() { close(); }

  hid_t get() const { return id_; }
  hid_t release() { return std::exchange(id_, H5I_INVALID_HID); }
  herr_t close() {
    const hid_t id = release();
    return id < 0 ? 0 : Close(id);
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
};

using Hdf5File = Hdf5Handle<H5Fclose>;
using Hdf5Group = Hdf5Handle<H5Gclose>;
using Hdf5Dataset = Hdf5Handle<H5Dclose>;
using Hdf5Attribute = Hdf5Handle<H5Aclose>;
using Hdf5Space = Hdf5Handle<H5Sclose>;
using Hdf5Type = Hdf5Handle<H5Tclose>;
using Hdf5Properties = Hdf5Handle<H5Pclose>;

/// IEEE binary16, little endian, as h5py's '<f2'.
Hdf5Type half_type();
/// Text of `bytes` bytes, UTF-8, padded with NUL.
Hdf5Type text_type(std::size_t bytes);

/// The file type of T: what the stores of this project hold.
template <class T>
Hdf5Type element_type();

}  // namespace brainmt::io

#pragma once
// Reads plain arrays of an HDF5 file without trusting it: hard links only; contiguous, unfiltered, internal storage
// only; the expected element type only; nothing allocated beyond the file's size. Every failure is a DataError that
// names the file and the array. Names are paths from the root, as "scans/frames".
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "io/hdf5_handle.hpp"

namespace brainmt::io {

class Hdf5Reader {
 public:
  explicit Hdf5Reader(const std::filesystem::path& path);

  std::uint64_t file_bytes() const { return file_bytes_; }

  /// Extents, offset in the file and size of an array of `type`.
  struct Location {
    std::vector<hsize_t> extents;
    std::uint64_t offset = 0, bytes = 0;
  };
  Location locate(const std::string& name, const Hdf5Type& type) const;

  /// The elements of an array of `rank` dimensions; `extents`, when given, receives them.
  template <class T>
  std::vector<T> array(const std::string& name, std::size_t rank = 1, std::vector<hsize_t>* extents = nullptr) const {
    const Hdf5Type type = element_type<T>();
    std::vector<T> values;
    read(name, type, sizeof(T), rank, extents, [&](std::size_t count) {
      values.resize(count);
      return values.data();
    });
    return values;
  }
  std::vector<std::uint16_t> halfs(const std::string& name) const;
  std::vector<std::string> texts(const std::string& name, std::size_t max_bytes) const;
  bool is_text(const std::string& name) const;

  bool has_attribute(const std::string& name) const { return H5Aexists(file_.get(), name.c_str()) > 0; }
  std::string text_attribute(const std::string& name, std::size_t max_bytes) const;
  std::uint32_t number_attribute(const std::string& name) const { return attribute<std::uint32_t>(name); }
  double real_attribute(const std::string& name) const { return attribute<double>(name); }
  /// Names in a group, in the order of their bytes; at most `max_names`.
  std::vector<std::string> names_in(const std::string& group, std::size_t max_names) const;

 private:
  template <class Result>
  Result check(Result result, const std::string& operation) const {
    return hdf5_check<DataError>(result, path_, operation);
  }
  template <class T>
  T attribute(const std::string& name) const;
  [[noreturn]] void refuse(const std::string& name, const std::string& why) const;
  void require_hard_links(const std::string& name) const;
  Hdf5Dataset open(const std::string& name) const;
  Location location_of(const Hdf5Dataset& array, const std::string& name, const Hdf5Type& type) const;
  template <class Allocate>
  void read(const std::string& name, const Hdf5Type& type, std::size_t element_bytes, std::size_t rank,
            std::vector<hsize_t>* extents, Allocate allocate) const {
    const Hdf5Dataset array = open(name);
    const Location location = location_of(array, name, type);
    if (location.extents.size() != rank)
      refuse(name, fmt::format("has {} dimensions, not {}", location.extents.size(), rank));
    if (extents != nullptr) *extents = location.extents;
    void* out = allocate(location.bytes / element_bytes);
    check(H5Dread(array.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, out), "read /" + name + " of");
  }

  std::filesystem::path path_;
  std::uint64_t file_bytes_ = 0;
  Hdf5File file_;
};

}  // namespace brainmt::io

#pragma once
// Creates plain arrays in an open HDF5 file: contiguous, allocated at once, without fill values and time stamps, so
// that equal input gives equal bytes. Creating is collective over the file's ranks; writing an array is not. Every
// failure is an OutputError that names the file.
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/hdf5_handle.hpp"

namespace brainmt::io {

class Hdf5Writer {
 public:
  /// With a communicator in `access` (H5Pset_fapl_mpio) the file is shared by its ranks; H5P_DEFAULT opens it alone.
  /// An existing file is emptied. `shown` is the name for messages.
  Hdf5Writer(const std::filesystem::path& path, hid_t access, std::filesystem::path shown);

  void create_group(const std::string& name);
  Hdf5Dataset create(const std::string& name, const Hdf5Type& type, std::span<const hsize_t> extents);
  void text_attribute(const std::string& name, std::string_view text);
  void number_attribute(const std::string& name, std::uint32_t number);
  void real_attribute(const std::string& name, double number);

  /// Writes the whole of an array from this rank.
  void write(const Hdf5Dataset& array, const Hdf5Type& type, const void* data) const;
  /// Writes rows [first, first + rows) of an array of two dimensions.
  void write_rows(const Hdf5Dataset& array, const Hdf5Type& type, hsize_t first, hsize_t rows, hsize_t columns,
                  const void* data) const;
  /// Writes entry `index` of the first axis of an array.
  void write_entry(const Hdf5Dataset& array, const Hdf5Type& type, hsize_t index, const void* data) const;

  /// Collective: everything written so far reaches the disk, and the file is closed.
  void close();
  /// Leaves the file open until MPI_Finalize: closing is collective, and the other ranks may not be here.
  void abandon() { file_.release(); }

 private:
  template <class Result>
  Result check(Result result, const std::string& operation) const {
    return hdf5_check<OutputError>(result, shown_, operation);
  }
  void attribute(const std::string& name, const Hdf5Type& type, const void* value);

  std::filesystem::path shown_;
  Hdf5File file_;
};

/// Texts as one block of equal cells, padded with NUL, and the cell's size (at least 1).
struct TextBlock {
  std::size_t cell = 1;
  std::string bytes;
};
TextBlock pack_texts(std::span<const std::string> texts);

}  // namespace brainmt::io

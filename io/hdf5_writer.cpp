#include "io/hdf5_writer.hpp"

#include <algorithm>

namespace brainmt::io {
namespace {

Hdf5Properties creation(hid_t kind) {
  Hdf5Properties properties(H5Pcreate(kind));
  H5Pset_obj_track_times(properties.get(), false);
  return properties;
}

}  // namespace

Hdf5Writer::Hdf5Writer(const std::filesystem::path& path, hid_t access, std::filesystem::path shown)
    : shown_(std::move(shown)) {
  prepare_hdf5();
  const Hdf5Properties properties = creation(H5P_FILE_CREATE);
  file_ = Hdf5File(check(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, properties.get(), access), "create"));
}

void Hdf5Writer::create_group(const std::string& name) {
  const Hdf5Properties properties = creation(H5P_GROUP_CREATE);
  Hdf5Group group(check(H5Gcreate2(file_.get(), name.c_str(), H5P_DEFAULT, properties.get(), H5P_DEFAULT),
                        "create /" + name + " in"));
}

Hdf5Dataset Hdf5Writer::create(const std::string& name, const Hdf5Type& type, std::span<const hsize_t> extents) {
  const Hdf5Properties properties = creation(H5P_DATASET_CREATE);
  H5Pset_layout(properties.get(), H5D_CONTIGUOUS);
  H5Pset_alloc_time(properties.get(), H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(properties.get(), H5D_FILL_TIME_NEVER);
  const Hdf5Space space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr));
  return Hdf5Dataset(
      check(H5Dcreate2(file_.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, properties.get(), H5P_DEFAULT),
            "create /" + name + " in"));
}

void Hdf5Writer::attribute(const std::string& name, const Hdf5Type& type, const void* value) {
  const Hdf5Space space(H5Screate(H5S_SCALAR));
  const Hdf5Attribute attribute(
      check(H5Acreate2(file_.get(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT),
            "create the attribute " + name + " in"));
  check(H5Awrite(attribute.get(), type.get(), value), "write the attribute " + name + " in");
}

void Hdf5Writer::text_attribute(const std::string& name, std::string_view text) {
  const std::string value = text.empty() ? std::string(1, '\0') : std::string(text);
  attribute(name, text_type(value.size()), value.data());
}

void Hdf5Writer::number_attribute(const std::string& name, std::uint32_t number) {
  attribute(name, element_type<std::uint32_t>(), &number);
}

void Hdf5Writer::real_attribute(const std::string& name, double number) {
  attribute(name, element_type<double>(), &number);
}

void Hdf5Writer::write(const Hdf5Dataset& array, const Hdf5Type& type, const void* data) const {
  check(H5Dwrite(array.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, data), "write");
}

void Hdf5Writer::write_rows(const Hdf5Dataset& array, const Hdf5Type& type, hsize_t first, hsize_t rows,
                            hsize_t columns, const void* data) const {
  const hsize_t start[2] = {first, 0}, count[2] = {rows, columns};
  const Hdf5Space in_file(check(H5Dget_space(array.get()), "write"));
  check(H5Sselect_hyperslab(in_file.get(), H5S_SELECT_SET, start, nullptr, count, nullptr), "write");
  const Hdf5Space in_memory(H5Screate_simple(2, count, nullptr));
  check(H5Dwrite(array.get(), type.get(), in_memory.get(), in_file.get(), H5P_DEFAULT, data), "write");
}

void Hdf5Writer::write_entry(const Hdf5Dataset& array, const Hdf5Type& type, hsize_t index, const void* data) const {
  const Hdf5Space in_file(check(H5Dget_space(array.get()), "write"));
  std::vector<hsize_t> start(static_cast<std::size_t>(check(H5Sget_simple_extent_ndims(in_file.get()), "write"))),
      count;
  count.resize(start.size());
  check(H5Sget_simple_extent_dims(in_file.get(), count.data(), nullptr), "write");
  start.at(0) = index;
  count.at(0) = 1;
  check(H5Sselect_hyperslab(in_file.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr), "write");
  const Hdf5Space in_memory(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr));
  check(H5Dwrite(array.get(), type.get(), in_memory.get(), in_file.get(), H5P_DEFAULT, data), "write");
}

void Hdf5Writer::close() {
  const herr_t flushed = H5Fflush(file_.get(), H5F_SCOPE_GLOBAL);
  const std::string why_not = flushed < 0 ? hdf5_reason() : "";
  const herr_t closed = file_.close();  // even after a failed flush: the other ranks are in the same call
  if (flushed < 0) throw OutputError(fmt::format("cannot synchronise '{}': {}", shown_.string(), why_not));
  check(closed, "close");
}

TextBlock pack_texts(std::span<const std::string> texts) {
  TextBlock block;
  for (const std::string& text : texts) block.cell = std::max(block.cell, text.size());
  block.bytes.assign(block.cell * texts.size(), '\0');
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i].copy(block.bytes.data() + i * block.cell, block.cell);
  return block;
}

}  // namespace brainmt::io

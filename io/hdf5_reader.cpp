#include "io/hdf5_reader.hpp"

#include <algorithm>

#include "io/file_descriptor.hpp"
#include "io/printable.hpp"

namespace brainmt::io {

Hdf5Reader::Hdf5Reader(const std::filesystem::path& path) : path_(path) {
  prepare_hdf5();
  file_bytes_ = file_size(open_for_reading(path), path);
  const Hdf5Properties access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_file_locking(access.get(), false, true);
  const hid_t id = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get());
  if (id < 0) {
    throw DataError(
        fmt::format("'{}' is not a whole HDF5 file ({}): copy or make it again", path.string(), hdf5_reason()));
  }
  file_ = Hdf5File(id);
}

void Hdf5Reader::refuse(const std::string& name, const std::string& why) const {
  throw DataError(fmt::format("'{}': /{} {}", path_.string(), name, why));
}

void Hdf5Reader::require_hard_links(const std::string& name) const {
  for (std::size_t end = name.find('/');; end = name.find('/', end + 1)) {
    const std::string part = name.substr(0, end);
    H5L_info_t info = {};
    if (H5Lget_info(file_.get(), part.c_str(), &info, H5P_DEFAULT) < 0) refuse(printable(part), "is missing");
    if (info.type != H5L_TYPE_HARD) refuse(printable(part), "is a link to elsewhere, which is refused");
    if (end == std::string::npos) return;
  }
}

Hdf5Dataset Hdf5Reader::open(const std::string& name) const {
  require_hard_links(name);
  const hid_t id = H5Dopen2(file_.get(), name.c_str(), H5P_DEFAULT);
  if (id < 0) refuse(printable(name), "is not an array: " + hdf5_reason());
  return Hdf5Dataset(id);
}

Hdf5Reader::Location Hdf5Reader::location_of(const Hdf5Dataset& array, const std::string& name,
                                             const Hdf5Type& type) const {
  const std::string shown = printable(name);
  const Hdf5Properties creation(check(H5Dget_create_plist(array.get()), "read /" + name + " of"));
  if (H5Pget_layout(creation.get()) != H5D_CONTIGUOUS) refuse(shown, "is not stored in one piece");
  if (H5Pget_external_count(creation.get()) != 0) refuse(shown, "is stored in another file, which is refused");
  const Hdf5Type stored(check(H5Dget_type(array.get()), "read /" + name + " of"));
  if (H5Tequal(stored.get(), type.get()) <= 0) refuse(shown, "has another element type than the format says");

  const Hdf5Space space(check(H5Dget_space(array.get()), "read /" + name + " of"));
  Location location;
  const int rank = H5Sget_simple_extent_ndims(space.get());
  if (rank < 1) refuse(shown, "has no dimensions");
  location.extents.resize(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space.get(), location.extents.data(), nullptr);
  location.bytes = H5Tget_size(type.get());
  for (const hsize_t extent : location.extents) {
    if (__builtin_mul_overflow(location.bytes, std::uint64_t{extent}, &location.bytes))
      refuse(shown, "has extents that overflow");
  }
  const haddr_t offset = H5Dget_offset(array.get());
  if (location.bytes > 0 && (offset == HADDR_UNDEF || offset > file_bytes_ || location.bytes > file_bytes_ - offset)) {
    refuse(shown, fmt::format("claims {} bytes, which the file of {} does not hold", location.bytes, file_bytes_));
  }
  location.offset = offset;
  return location;
}

Hdf5Reader::Location Hdf5Reader::locate(const std::string& name, const Hdf5Type& type) const {
  return location_of(open(name), name, type);
}

std::vector<std::uint16_t> Hdf5Reader::halfs(const std::string& name) const {
  std::vector<std::uint16_t> values;
  read(name, half_type(), sizeof(std::uint16_t), 1, nullptr, [&](std::size_t count) {
    values.resize(count);
    return values.data();
  });
  return values;
}

bool Hdf5Reader::is_text(const std::string& name) const {
  const Hdf5Dataset array = open(name);
  const Hdf5Type stored(check(H5Dget_type(array.get()), "read /" + name + " of"));
  return H5Tget_class(stored.get()) == H5T_STRING;
}

std::vector<std::string> Hdf5Reader::texts(const std::string& name, std::size_t max_bytes) const {
  std::size_t cell = 0;
  {
    const Hdf5Dataset array = open(name);
    const Hdf5Type stored(check(H5Dget_type(array.get()), "read /" + name + " of"));
    cell = H5Tget_size(stored.get());
  }
  if (cell < 1 || cell > max_bytes)
    refuse(printable(name), fmt::format("has texts of {} bytes, 1 to {} are allowed", cell, max_bytes));
  std::string block;
  read(name, text_type(cell), cell, 1, nullptr, [&](std::size_t count) {
    block.resize(count * cell);
    return block.data();
  });
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < block.size(); at += cell) {
    const std::string_view padded(block.data() + at, cell);
    texts.emplace_back(padded.substr(0, padded.find('\0')));
  }
  return texts;
}

std::string Hdf5Reader::text_attribute(const std::string& name, std::size_t max_bytes) const {
  const std::string operation = "read the attribute " + name + " of";
  const Hdf5Attribute attribute(check(H5Aopen(file_.get(), name.c_str(), H5P_DEFAULT), operation));
  const Hdf5Type stored(check(H5Aget_type(attribute.get()), operation));
  const Hdf5Space space(check(H5Aget_space(attribute.get()), operation));
  const std::size_t size = H5Tget_size(stored.get());
  if (size < 1 || size > max_bytes || H5Tequal(stored.get(), text_type(size).get()) <= 0 ||
      H5Sget_simple_extent_npoints(space.get()) != 1) {
    refuse(name, "is an attribute of another type than the format says");
  }
  std::string value(size, '\0');
  check(H5Aread(attribute.get(), stored.get(), value.data()), operation);
  return value.substr(0, value.find('\0'));
}

template <class T>
T Hdf5Reader::attribute(const std::string& name) const {
  const std::string operation = "read the attribute " + name + " of";
  const Hdf5Attribute attribute(check(H5Aopen(file_.get(), name.c_str(), H5P_DEFAULT), operation));
  const Hdf5Type stored(check(H5Aget_type(attribute.get()), operation));
  const Hdf5Space space(check(H5Aget_space(attribute.get()), operation));
  const Hdf5Type type = element_type<T>();
  if (H5Tequal(stored.get(), type.get()) <= 0 || H5Sget_simple_extent_npoints(space.get()) != 1) {
    refuse(name, "is an attribute of another type than the format says");
  }
  T value = 0;
  check(H5Aread(attribute.get(), type.get(), &value), operation);
  return value;
}

template std::uint32_t Hdf5Reader::attribute(const std::string&) const;
template double Hdf5Reader::attribute(const std::string&) const;

std::vector<std::string> Hdf5Reader::names_in(const std::string& group, std::size_t max_names) const {
  require_hard_links(group);
  const Hdf5Group opened(check(H5Gopen2(file_.get(), group.c_str(), H5P_DEFAULT), "open /" + group + " of"));
  H5G_info_t info = {};
  check(H5Gget_info(opened.get(), &info), "list /" + group + " of");
  if (info.nlinks > max_names)
    refuse(group, fmt::format("has {} entries, at most {} are allowed", info.nlinks, max_names));
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    constexpr std::size_t kMaxBytes = 255;
    std::string name(kMaxBytes + 1, '\0');
    const ssize_t size =
        H5Lget_name_by_idx(opened.get(), ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size(), H5P_DEFAULT);
    if (size < 0 || size > static_cast<ssize_t>(kMaxBytes)) refuse(group, "has an entry without a usable name");
    name.resize(static_cast<std::size_t>(size));
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace brainmt::io

#include "io/hdf5_handle.hpp"

#include <cstdint>
#include <cstdlib>

namespace brainmt::io {
namespace {

// H5Ewalk2 upward begins at the innermost message; only that one is kept.
herr_t keep_first(unsigned position, const H5E_error2_t* error, void* out) {
  if (position == 0 && error->desc != nullptr) *static_cast<std::string*>(out) = error->desc;
  return 0;
}

// Cohort files never change once they have their name, so readers need no lock, and many cluster file systems have
// none. The environment variable would overrule what each file is opened with, so it is set for this process.
bool prepare_once() {
  ::setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1);
  H5dont_atexit();
  H5open();
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  H5PLset_loading_state(0);
  return true;
}

}  // namespace

void prepare_hdf5() { [[maybe_unused]] static const bool prepared = prepare_once(); }

std::string hdf5_reason() {
  std::string reason = "unknown reason";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &reason);
  for (char& c : reason) {
    if (c == '\n') c = ' ';
  }
  return reason;
}

Hdf5Type half_type() {
  Hdf5Type type(H5Tcopy(H5T_IEEE_F32LE));
  const bool ok = H5Tset_fields(type.get(), 15, 10, 5, 0, 10) >= 0 && H5Tset_size(type.get(), 2) >= 0 &&
                  H5Tset_ebias(type.get(), 15) >= 0;
  BRAINMT_CHECK(ok, "HDF5 cannot make a half type: {}", hdf5_reason());
  return type;
}

Hdf5Type text_type(std::size_t bytes) {
  Hdf5Type type(H5Tcopy(H5T_C_S1));
  const bool ok = H5Tset_size(type.get(), bytes) >= 0 && H5Tset_strpad(type.get(), H5T_STR_NULLPAD) >= 0 &&
                  H5Tset_cset(type.get(), H5T_CSET_UTF8) >= 0;
  BRAINMT_CHECK(ok, "HDF5 cannot make a text type: {}", hdf5_reason());
  return type;
}

template <>
Hdf5Type element_type<std::uint8_t>() {
  return Hdf5Type(H5Tcopy(H5T_STD_U8LE));
}
template <>
Hdf5Type element_type<std::int32_t>() {
  return Hdf5Type(H5Tcopy(H5T_STD_I32LE));
}
template <>
Hdf5Type element_type<std::uint32_t>() {
  return Hdf5Type(H5Tcopy(H5T_STD_U32LE));
}
template <>
Hdf5Type element_type<std::uint64_t>() {
  return Hdf5Type(H5Tcopy(H5T_STD_U64LE));
}
template <>
Hdf5Type element_type<float>() {
  return Hdf5Type(H5Tcopy(H5T_IEEE_F32LE));
}
template <>
Hdf5Type element_type<double>() {
  return Hdf5Type(H5Tcopy(H5T_IEEE_F64LE));
}

}  // namespace brainmt::io

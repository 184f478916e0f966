#include "io/shared_hdf5.hpp"

#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "comm/gather.hpp"
#include "io/atomic_file.hpp"

namespace brainmt::io {
namespace {

// Fails early when the file system has too little space. Quotas are not visible here; they fail when writing.
void check_space(const std::filesystem::path& target, std::uint64_t bytes) {
  std::error_code unknown;
  const auto parent = target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
  const auto space = std::filesystem::space(parent, unknown);
  if (!unknown && space.capacity > 0 && space.available < bytes) {
    throw OutputError(fmt::format("'{}' needs {} bytes and its file system has {} free: choose another directory",
                                  target.string(), bytes, space.available));
  }
}

Hdf5Properties shared_access(MPI_Comm comm) {
  prepare_hdf5();
  Hdf5Properties access(H5Pcreate(H5P_FILE_ACCESS));
  const bool ok = H5Pset_fapl_mpio(access.get(), comm, MPI_INFO_NULL) >= 0 &&
                  H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0;  // checksums on metadata
  BRAINMT_CHECK(ok, "HDF5 has no MPI-IO: {}", hdf5_reason());
  return access;
}

}  // namespace

SharedHdf5::SharedHdf5(MPI_Comm comm, std::filesystem::path target, std::uint64_t bytes)
    : comm_(std::make_unique<comm::MpiCommunicator>(comm)), target_(std::move(target)) {
  try {
    comm::run_agreed(*comm_, [&] {
      if (comm_->rank() != 0) return;
      check_space(target_, bytes);
      TemporaryFile made = create_beside(target_);
      temporary_ = made.path;
      unfinished_ = std::move(made.unfinished);
    });
    std::vector<std::string> name{temporary_.string()};
    comm::broadcast_texts(*comm_, name);
    temporary_ = name.front();
    if (!unfinished_) unfinished_.emplace(temporary_);
    comm::run_agreed(*comm_, [&] { file_.emplace(temporary_, shared_access(comm_->handle()).get(), target_); });
  } catch (const Error&) {  // the same on every rank
    if (comm_->rank() == 0 && !temporary_.empty()) ::unlink(temporary_.c_str());
    throw;
  }
}

// Closing is collective and the other ranks may not be here: only the file's name is removed.
SharedHdf5::~SharedHdf5() {
  if (finished_) return;
  ::unlink(temporary_.c_str());
  for (Hdf5Dataset& array : arrays_) array.release();
  if (file_) file_->abandon();
  [[maybe_unused]] auto* const never_freed = comm_.release();  // that would be collective too
}

const Hdf5Dataset& SharedHdf5::create(const std::string& name, const Hdf5Type& type, std::span<const hsize_t> extents) {
  return arrays_.emplace_back(file_->create(name, type, extents));
}

void SharedHdf5::store(const std::string& name, const Hdf5Type& type, const void* values,
                       std::span<const hsize_t> extents) {
  const Hdf5Dataset array = file_->create(name, type, extents);
  if (comm_->rank() == 0) file_->write(array, type, values);
}

void SharedHdf5::store(const std::string& name, std::span<const std::string> texts) {
  const TextBlock block = pack_texts(texts);
  store(name, text_type(block.cell), block.bytes.data(), std::array{hsize_t{texts.size()}});
}

void SharedHdf5::close() {
  for (Hdf5Dataset& array : arrays_) array.close();
  file_->close();
}

// Takes the temporary file away and closes what is still open; the first failure is the one to report.
void SharedHdf5::discard() {
  if (comm_->rank() == 0) ::unlink(temporary_.c_str());
  try {
    close();
  } catch (const OutputError&) {
  }
  finish();
}

void SharedHdf5::finish() {
  finished_ = true;
  unfinished_.reset();
  comm_.reset();
}

void SharedHdf5::require(std::exception_ptr failure) {
  BRAINMT_CHECK(!finished_, "a file is committed once");
  try {
    comm::agree_on_error(*comm_, failure);
  } catch (const Error&) {  // the same on every rank, so what follows is collective
    discard();
    throw;
  }
}

void SharedHdf5::commit(std::exception_ptr failure) {
  require(failure);
  try {
    comm::run_agreed(*comm_, [&] { close(); });
    comm::run_agreed(*comm_, [&] {
      if (comm_->rank() != 0) return;
      sync_file(temporary_);  // closing may have written after the last synchronisation
      rename_durably(temporary_, target_);
    });
  } catch (const Error&) {  // as in require()
    discard();
    throw;
  }
  finish();
}

}  // namespace brainmt::io

#pragma once
// One HDF5 file written atomically by all ranks of a communicator (MPI-IO): written as `<target>.tmp-...`, renamed to
// the target in commit() after fsync.
//
//   SharedHdf5 shared(comm, "out.h5", bytes);                            // collective
//   try { const Hdf5Dataset& rows = shared.create("rows", ...); ... shared.file().write_rows(rows, ...) ... }
//   catch (...) { failure = std::current_exception(); }
//   shared.commit(failure);                                              // collective
#include <mpi.h>

#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/unfinished.hpp"
#include "comm/agreement.hpp"
#include "comm/mpi_communicator.hpp"
#include "io/hdf5_writer.hpp"

namespace brainmt::io {

class SharedHdf5 {
 public:
  /// Collective. Throws the same OutputError on every rank when the file cannot be made, or when its file system has
  /// less free space than `bytes`, a lower bound of the file's size. `comm` is duplicated.
  SharedHdf5(MPI_Comm comm, std::filesystem::path target, std::uint64_t bytes);
  /// Not collective: a file that was not committed loses its name, and stays open until MPI_Finalize.
  ~SharedHdf5();
  SharedHdf5(const SharedHdf5&) = delete;
  SharedHdf5& operator=(const SharedHdf5&) = delete;

  comm::Communicator& comm() { return *comm_; }
  Hdf5Writer& file() { return *file_; }
  bool finished() const { return finished_; }

  /// Collective: makes an array that is closed with the file. The reference lives as long as this object.
  const Hdf5Dataset& create(const std::string& name, const Hdf5Type& type, std::span<const hsize_t> extents);

  /// Collective: makes an array and fills it from rank 0's values, which every rank may give.
  template <class T>
  void store(const std::string& name, const std::vector<T>& values, std::span<const hsize_t> extents) {
    store(name, element_type<T>(), values.data(), extents);
  }
  void store(const std::string& name, std::span<const std::string> texts);

  /// Collective. `failure` is what went wrong on this rank so far, or null: when any rank failed, the file is removed
  /// and every rank throws the error of the lowest failed rank. Arrays made otherwise than by create() are closed by
  /// then.
  void require(std::exception_ptr failure);
  /// Collective: runs `step` on this rank, then require() of how it went.
  template <class Step>
  void carry_out(Step&& step) {
    std::exception_ptr failure;
    try {
      step();
    } catch (...) {
      failure = std::current_exception();
    }
    require(failure);
  }
  /// Collective: require(), then the file is synchronised and takes its name. Called once, last.
  void commit(std::exception_ptr failure);

 private:
  void store(const std::string& name, const Hdf5Type& type, const void* values, std::span<const hsize_t> extents);
  void close();
  void discard();
  void finish();

  std::unique_ptr<comm::MpiCommunicator> comm_;
  std::filesystem::path target_, temporary_;
  std::optional<Unfinished> unfinished_;  // on every rank: another one's open may make the file again
  std::optional<Hdf5Writer> file_;
  std::deque<Hdf5Dataset> arrays_;  // a deque: references stay
  bool finished_ = false;
};

}  // namespace brainmt::io

#pragma once
// One HDF5 file written by all ranks of a communicator (MPI-IO) that appears whole or not at all: it grows beside its
// target as `<target>.tmp-...` and takes the target's name in commit(), after every byte was synchronised.
//
//   SharedHdf5 shared(comm, "out.h5", bytes);                            // collective
//   try { shared.collectively([&] { ... create arrays in shared.file() ... }); ... write rows ... }
//   catch (...) { failure = std::current_exception(); }
//   arrays.clear();                                                      // handles go before the file
//   shared.commit(failure);                                              // collective
#include <mpi.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <optional>

#include "io/hdf5_writer.hpp"

namespace brainmt::io {

class SharedHdf5 {
 public:
  /// Collective. Throws the same OutputError on every rank when the file cannot be made, or when `bytes`, what will be
  /// stored at least, are more than its file system has free. `comm` is duplicated.
  SharedHdf5(MPI_Comm comm, std::filesystem::path target, std::uint64_t bytes);
  /// Not collective: a file that was not committed loses its name, and stays open until MPI_Finalize.
  ~SharedHdf5();
  SharedHdf5(const SharedHdf5&) = delete;
  SharedHdf5& operator=(const SharedHdf5&) = delete;

  int rank() const { return rank_; }
  MPI_Comm comm() const { return comm_; }
  Hdf5Writer& file() { return *file_; }

  /// Collective. `failure` is what went wrong on this rank since the constructor, or null: when any rank failed, the
  /// file is removed and every rank throws the error of the lowest failed rank. Arrays must be closed by then.
  void commit(std::exception_ptr failure);

 private:
  void finish();

  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0;
  std::filesystem::path target_, temporary_;
  std::optional<Hdf5Writer> file_;
  bool finished_ = false;
};

}  // namespace brainmt::io

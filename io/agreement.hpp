#pragma once
// Errors agreed over the ranks of a communicator: after a step that any rank may fail, all go on or all throw the same.
#include <mpi.h>

#include <exception>

namespace brainmt::io {

/// Collective. `failure` is this rank's error or null. When any rank has one, every rank throws the error of the lowest
/// such rank: same type, same message, with the rank in front when there are several.
void agree(MPI_Comm comm, std::exception_ptr failure);

/// Collective: runs `step` on this rank, then agrees on its outcome.
template <class Step>
void collectively(MPI_Comm comm, Step&& step) {
  std::exception_ptr failure;
  try {
    step();
  } catch (...) {
    failure = std::current_exception();
  }
  agree(comm, failure);
}

}  // namespace brainmt::io

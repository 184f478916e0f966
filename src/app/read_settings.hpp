#pragma once
// The data.* keys that say how windows are read.
#include <mpi.h>

#include <string>

#include "io/frame_reader.hpp"

namespace brainmt::app {

/// `keys` is anything with get<T>(name), a Config for example; `comm` is what collective mode reads together with.
template <class Keys>
io::ReadSettings read_settings(const Keys& keys, MPI_Comm comm) {
  return {.mode = io::read_mode_of(keys.template get<std::string>("data.io")),
          .comm = comm,
          .checksums = keys.template get<bool>("data.checksums")};
}

}  // namespace brainmt::app

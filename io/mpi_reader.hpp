#pragma once
// The two readers that go through MPI-IO (see frame_reader.hpp).
#include <cstddef>
#include <memory>

#include "io/frame_reader.hpp"

namespace brainmt::io {

std::unique_ptr<FrameReader> make_independent_reader(StoreFiles& stores, std::size_t largest_piece);

/// Collective: duplicates `comm`, so that rounds of several readers and the program's own messages never meet.
std::unique_ptr<FrameReader> make_collective_reader(StoreFiles& stores, MPI_Comm comm, std::size_t largest_piece);

}  // namespace brainmt::io

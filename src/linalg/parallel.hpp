#pragma once
// Independent pieces of work on a few threads of this process. Which thread takes a piece is left to chance, so a piece
// must not depend on that: results then have the same bits for any number of threads.
#include <cstddef>
#include <functional>

namespace brainmt::linalg {

/// Threads of this rank: what OpenMP, and so oneDNN, would take (app/launch.hpp shares the cores of a node out).
int threads();

/// Calls piece(i) for each i < count, on up to `threads` threads, in which BLAS computes with one thread each. Blocks
/// until all are done. An exception of a piece is thrown here: that of the lowest i of those that ran.
void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& piece);

}  // namespace brainmt::linalg

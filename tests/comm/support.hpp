#pragma once
// What the tests of this folder share: the communicators under test and shuffles.
#include <mpi.h>

#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "base/philox.hpp"
#include "comm/mpi_communicator.hpp"

namespace brainmt::comm {

inline std::unique_ptr<Communicator> mpi_world() { return std::make_unique<MpiCommunicator>(MPI_COMM_WORLD); }

/// 0..n-1 in an order that depends on the seed alone.
inline std::vector<std::size_t> shuffled(std::size_t n, std::uint64_t seed) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Philox random(seed, 0);
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

}  // namespace brainmt::comm

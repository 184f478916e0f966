#pragma once
// Per-sample values of all ranks in one global order, so that a loss or a metric computed from them is the same number
// on every rank and for every number of ranks.
#include <cstring>
#include <type_traits>

#include "comm/communicator.hpp"

namespace brainmt::comm {

/// Collective. The values of all ranks, rank after rank; where each rank holds a contiguous block of the global order
/// (possibly empty, of any length) that is the global order.
template <class T>
std::vector<T> gather_in_order(Communicator& comm, std::span<const T> mine) {
  static_assert(std::is_trivially_copyable_v<T>, "values travel as bytes");
  std::vector<T> all;
  for (const std::vector<std::byte>& part : comm.all_gather_bytes(std::as_bytes(mine))) {
    const std::size_t first = all.size();
    all.resize(first + part.size() / sizeof(T));
    if (!part.empty()) std::memcpy(all.data() + first, part.data(), part.size());
  }
  return all;
}

}  // namespace brainmt::comm

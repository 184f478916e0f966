#pragma once
// Values of all ranks brought together, the same bits on every rank and for every number of ranks.
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

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

/// Rows of a table that the ranks filled in together: owned[i] is 1 on the one rank that has row i, if any has it.
using Owned = std::vector<std::uint8_t>;

/// Collective. values: [rows, width]. Every rank has all rows afterwards; those that no rank owns become 0.
void merge_rows(Communicator& comm, const Owned& owned, std::size_t width, std::vector<double>& values);
/// Collective, likewise for one text a row; texts that no rank owns stay. They hold no zero bytes.
void merge_rows(Communicator& comm, const Owned& owned, std::vector<std::string>& texts);

/// Collective: rank 0's texts, any number of them without zero bytes, to all ranks.
void broadcast_texts(Communicator& comm, std::vector<std::string>& texts);

/// Collective, in place. Small integers go as 64-bit ones.
template <class T>
void all_reduce(Communicator& comm, std::span<T> values, ReduceOp op) {
  if constexpr (std::is_integral_v<T> && sizeof(T) < sizeof(std::int64_t)) {
    std::vector<std::int64_t> wide(values.begin(), values.end());
    all_reduce(comm, std::span(wide), op);
    for (std::size_t i = 0; i < wide.size(); ++i) values[i] = static_cast<T>(wide[i]);
  } else {
    comm.all_reduce(values.data(), values.size(), data_type_of<T>, op);
  }
}

}  // namespace brainmt::comm

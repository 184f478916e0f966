#pragma once
// Sums whose bits do not depend on the order of their terms, so neither on ranks nor on threads: each term is cut into
// six whole numbers, which are added as integers.
//   x = sum_k q_k 2^(32 k),  k = 2, 1, 0, -1, -2, -3,  |q_k| <= 2^32
// Exact for terms below 2^96 but for what lies below 2^-97; 2^31 terms fit.
#include <array>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "comm/communicator.hpp"

namespace brainmt::connectivity {

class ExactSum {
 public:
  explicit ExactSum(std::size_t size) : words_(size * kWords) {}

  /// Adds one term of each of the `size` sums. Safe to call from several threads. Throws NonFiniteError for one that is
  /// not below 2^96.
  void add(std::span<const double> terms);

  /// Collective: the sums over all ranks.
  std::vector<double> take(comm::Communicator& comm);

 private:
  static constexpr std::array kUnits{0x1p64, 0x1p32, 0x1p0, 0x1p-32, 0x1p-64, 0x1p-96};
  static constexpr std::size_t kWords = kUnits.size();

  std::mutex mutex_;
  std::vector<std::int64_t> words_;  // [size, kWords]
};

}  // namespace brainmt::connectivity

#pragma once
// Deals participants into parts of given shares, stratified: the arithmetic of a split.
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace brainmt::task {

struct Person {
  std::size_t stratum = 0;
  std::string group{};  // empty: a group of its own
};

/// Selects the shuffle: each (seed, stream, index) gives another order.
struct DealSeed {
  std::uint64_t seed = 0;
  std::uint32_t stream = 0;
  std::uint64_t index = 0;  // below 2^32
};

/// The ids of each part. `shares` sum to 1; a part with the share 0 stays empty. A group is never split. No part with a
/// positive share stays empty where that can be avoided.
std::vector<std::vector<std::string>> deal(const std::map<std::string, Person>& people, std::span<const double> shares,
                                           const DealSeed& seed);

}  // namespace brainmt::task

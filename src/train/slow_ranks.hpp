#pragma once
// All ranks wait for the slowest: one tired node makes the whole job slow, and nothing says which. So the ranks
// compare, over some steps, the time that each spent without the others.
#include <span>
#include <string>
#include <vector>

namespace brainmt::train {

/// What one rank did over some steps, in seconds.
struct RankTime {
  double own = 0;   // not waiting for other ranks
  double data = 0;  // of that, waiting for its windows
};

/// One line for each rank that took more than twice the median of the other ranks, and a quarter of a second more.
std::vector<std::string> describe_slow_ranks(std::span<const RankTime> by_rank, long steps);

}  // namespace brainmt::train

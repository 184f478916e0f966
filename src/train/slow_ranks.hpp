#pragma once
// Finds slow ranks, which slow down the whole job: compares the ranks' own compute time over some steps.
#include <span>
#include <string>
#include <vector>

namespace brainmt::train {

/// Times of one rank over some steps, in seconds.
struct RankTime {
  double own = 0;   // not waiting for other ranks
  double data = 0;  // of that, waiting for its windows
};

/// One line for each rank that took more than twice the median of the other ranks, and a quarter of a second more.
std::vector<std::string> describe_slow_ranks(std::span<const RankTime> by_rank, long steps);

}  // namespace brainmt::train

#include "train/slow_ranks.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace brainmt::train {
namespace {

constexpr double kFactor = 2, kMinSeconds = 0.25;  // less than that is noise of short steps

double median_without(std::span<const RankTime> by_rank, std::size_t left_out) {
  std::vector<double> times;
  for (std::size_t rank = 0; rank < by_rank.size(); ++rank)
    if (rank != left_out) times.push_back(by_rank[rank].own);
  const auto middle = times.begin() + std::ssize(times) / 2;
  std::ranges::nth_element(times, middle);
  return *middle;
}

}  // namespace

std::vector<std::string> describe_slow_ranks(std::span<const RankTime> by_rank, long steps) {
  std::vector<std::string> lines;
  if (by_rank.size() < 2) return lines;
  for (std::size_t rank = 0; rank < by_rank.size(); ++rank) {
    const RankTime& mine = by_rank[rank];
    const double others = median_without(by_rank, rank);
    if (mine.own <= kFactor * others || mine.own - others <= kMinSeconds) continue;
    lines.push_back(fmt::format(
        "rank {} is slow: {:.3g} s of its own over the last {} steps ({:.3g} s of it waiting for data), the "
        "median of the others is {:.3g} s; all ranks wait for it: look at its node",
        rank, mine.own, steps, mine.data, others));
  }
  return lines;
}

}  // namespace brainmt::train

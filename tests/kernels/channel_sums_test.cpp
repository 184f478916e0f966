// The exchange of a warp, with its 32 lanes played one after the other: every round needs the values that all lanes
// gave in it, so that the rounds are replayed from a record of the round before.
#include "kernels/portable/channel_sums.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace brainmt::kernels::portable {
namespace {

using Lane = std::array<double, kTile>;

// What lane `lane` gives at exchange number `step` (counted from 0), when the exchanges before it answered from
// `given`.
struct Replay {
  const std::vector<std::array<double, kTile>>* given;  // [exchange][lane] known so far
  int lane;
  std::size_t* step;
  double* gave;  // at the first exchange that is not known yet

  double operator()(double value, int distance) const {
    const std::size_t now = (*step)++;
    if (now == given->size()) *gave = value;
    return now < given->size() ? (*given)[now][static_cast<std::size_t>(lane ^ distance)] : 0.0;
  }
};

TEST(ChannelSums, EveryLaneEndsWithTheSumOfItsValue) {
  std::array<Lane, kTile> values;
  Lane want{};
  for (std::size_t lane = 0; lane < kTile; ++lane)
    for (std::size_t i = 0; i < kTile; ++i) {
      values[lane][i] = static_cast<double>((lane * 37 + i * 101) % 97);  // small integers: sums are exact
      want[i] += values[lane][i];
    }
  std::vector<std::array<double, kTile>> given;
  Lane got{};
  for (std::size_t known = 0; known < kTile; ++known) {  // 16 + 8 + 4 + 2 + 1 exchanges, then all are known
    std::array<double, kTile> gave{};
    for (int lane = 0; lane < static_cast<int>(kTile); ++lane) {
      double mine[kTile];
      std::copy(values[static_cast<std::size_t>(lane)].begin(), values[static_cast<std::size_t>(lane)].end(), mine);
      std::size_t step = 0;
      got[static_cast<std::size_t>(lane)] =
          sum_over_lanes(mine, lane, Replay{&given, lane, &step, &gave[static_cast<std::size_t>(lane)]});
      EXPECT_EQ(step, kTile - 1);
    }
    given.push_back(gave);
  }
  EXPECT_EQ(got, want);
}

TEST(ChannelSums, TheHostAddsItsLanesInOrder) {
  double sums[2 * kTile];
  for (std::size_t lane = 0; lane < kTile; ++lane) {
    double value[kTile];
    for (std::size_t i = 0; i < kTile; ++i) value[i] = static_cast<double>(lane + i);
    TileSums<double>(sums, lane).add(1, value);
  }
  for (std::size_t i = 0; i < kTile; ++i) EXPECT_EQ(sums[kTile + i], 32.0 * static_cast<double>(i) + 31 * 16) << i;
}

}  // namespace
}  // namespace brainmt::kernels::portable

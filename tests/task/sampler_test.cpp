// Assignment of samples: none dropped or doubled for any number of ranks, micro steps and items, and an order that
// depends on seed and step only.
#include "task/sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace brainmt::task {
namespace {

constexpr std::size_t kItems[] = {1, 2, 3, 7, 16, 31, 64};
constexpr std::size_t kRanks[] = {1, 2, 3, 4, 5};

// The items of a global batch in its order, shard after shard.
std::vector<std::size_t> global_batch(TrainingOrder& order, std::int64_t step, std::size_t shards) {
  std::vector<std::size_t> items;
  for (std::size_t s = 0; s < shards; ++s) {
    for (const Sample& sample : order.samples(step, s)) {
      EXPECT_EQ(sample.number, items.size());
      items.push_back(sample.item);
    }
  }
  EXPECT_EQ(items.size(), order.global_samples(step));
  return items;
}

TEST(TrainingOrder, AnEpochVisitsEveryItemOnceForAnyNumberOfRanks) {
  for (const std::size_t items : kItems) {
    for (const std::size_t ranks : kRanks) {
      for (const std::size_t micro_steps : {1u, 2u, 3u}) {
        for (const std::size_t batch_size : {1u, 2u, 5u}) {
          const std::size_t shards = ranks * micro_steps;
          TrainingOrder order(42, items, shards, batch_size);
          for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
            std::vector<std::size_t> visited;
            for (std::int64_t k = 0; k < order.steps_per_epoch(); ++k) {
              const std::int64_t step = epoch * order.steps_per_epoch() + k;
              EXPECT_EQ(order.epoch_of(step), epoch);
              const auto batch = global_batch(order, step, shards);
              EXPECT_LE(batch.size(), shards * batch_size);
              visited.insert(visited.end(), batch.begin(), batch.end());
            }
            EXPECT_EQ(visited, epoch_order(42, epoch, items));
          }
        }
      }
    }
  }
}

TEST(TrainingOrder, EpochsAndSeedsHaveTheirOwnPermutations) {
  const auto first = epoch_order(1, 0, 50);
  EXPECT_EQ(first, epoch_order(1, 0, 50));
  EXPECT_NE(first, epoch_order(1, 1, 50));
  EXPECT_NE(first, epoch_order(2, 0, 50));
  auto sorted = first;
  std::ranges::sort(sorted);
  for (std::size_t i = 0; i < sorted.size(); ++i) EXPECT_EQ(sorted[i], i);
}

TEST(TrainingOrder, TheGlobalBatchDoesNotDependOnHowItIsShared) {
  TrainingOrder one_rank(9, 31, 1, 8), two_ranks(9, 31, 2, 4), four_ranks(9, 31, 4, 2), eight_shards(9, 31, 8, 1);
  for (std::int64_t step = 0; step < 9; ++step) {
    const auto batch = global_batch(one_rank, step, 1);
    EXPECT_EQ(batch, global_batch(two_ranks, step, 2));
    EXPECT_EQ(batch, global_batch(four_ranks, step, 4));
    EXPECT_EQ(batch, global_batch(eight_shards, step, 8));
  }
}

TEST(TrainingOrder, AResumedRunGoesOnWithTheSameSamples) {
  TrainingOrder straight(9, 31, 4, 2);
  for (std::int64_t step = 0; step < 10; ++step) {
    TrainingOrder resumed(9, 31, 4, 2);
    EXPECT_EQ(global_batch(straight, step, 4), global_batch(resumed, step, 4));
  }
}

TEST(TrainingWindow, FitsAndReachesEveryStart) {
  const std::size_t run_frames[] = {10, 7};
  std::set<std::pair<std::size_t, std::size_t>> seen;
  for (std::int64_t epoch = 0; epoch < 400; ++epoch) {
    const auto [run, first] = training_window(3, epoch, 12, run_frames, 7);
    ASSERT_LT(run, 2u);
    ASSERT_LE(first + 7, run_frames[run]);
    seen.insert({run, first});
  }
  // Five starts; the rarest has probability 1/8, so it stays away with (7/8)^400 < 1e-23.
  EXPECT_EQ(seen.size(), 5u);
}

TEST(TrainingWindow, DependsOnSeedEpochAndSubject) {
  const std::size_t run_frames[] = {1000000};
  const auto start = [&](std::uint64_t seed, std::int64_t epoch, std::size_t subject) {
    return training_window(seed, epoch, subject, run_frames, 10).first_frame;
  };
  EXPECT_EQ(start(1, 2, 3), start(1, 2, 3));
  EXPECT_NE(start(1, 2, 3), start(2, 2, 3));
  EXPECT_NE(start(1, 2, 3), start(1, 3, 3));
  EXPECT_NE(start(1, 2, 3), start(1, 2, 4));
}

TEST(EvaluationStarts, CoverTheScanAndEndWithIt) {
  EXPECT_EQ(evaluation_starts(10, 10, 5), (std::vector<std::size_t>{0}));
  EXPECT_EQ(evaluation_starts(20, 10, 10), (std::vector<std::size_t>{0, 10}));
  EXPECT_EQ(evaluation_starts(25, 10, 10), (std::vector<std::size_t>{0, 10, 15}));
  EXPECT_EQ(evaluation_starts(11, 10, 100), (std::vector<std::size_t>{0, 1}));
}

TEST(EvaluationWindows, EachIsComputedOnceAndRankAfterRankGivesTheirOrder) {
  const std::size_t scan_frames[] = {20, 33, 10, 41, 10};
  for (const std::size_t ranks : kRanks) {
    std::vector<std::pair<std::size_t, std::size_t>> dealt, expected;
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      for (const auto& w : evaluation_windows(scan_frames, 10, 7, static_cast<int>(rank), static_cast<int>(ranks))) {
        dealt.emplace_back(w.scan, w.first_frame);
      }
    }
    for (std::size_t scan = 0; scan < std::size(scan_frames); ++scan) {
      for (const std::size_t start : evaluation_starts(scan_frames[scan], 10, 7)) expected.emplace_back(scan, start);
    }
    EXPECT_EQ(dealt, expected);
  }
}

TEST(EvaluationWindows, MoreRanksThanWindowsLeaveSomeWithNone) {
  const std::size_t scan_frames[] = {10, 10};
  std::size_t total = 0;
  for (int rank = 0; rank < 5; ++rank) total += evaluation_windows(scan_frames, 10, 1, rank, 5).size();
  EXPECT_EQ(total, 2u);
}

}  // namespace
}  // namespace brainmt::task

// Tasks handed out on demand: each once, to a free rank, and none after a stop.
#include "comm/work_queue.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include "support/shared_directory.hpp"

namespace brainmt::comm {
namespace {

using namespace std::chrono_literals;

std::vector<int> total(std::vector<int> counts) {
  MPI_Allreduce(MPI_IN_PLACE, counts.data(), static_cast<int>(counts.size()), MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  return counts;
}

TEST(WorkQueue, EveryTaskIsHandedOutOnce) {
  WorkQueue queue(MPI_COMM_WORLD, 1000);
  std::vector<int> taken(1000, 0);
  while (const auto task = queue.next()) ++taken[*task];
  EXPECT_EQ(total(taken), std::vector<int>(1000, 1));
  EXPECT_FALSE(queue.next());
}

TEST(WorkQueue, WithoutTasksThereIsNone) {
  WorkQueue queue(MPI_COMM_WORLD, 0);
  EXPECT_FALSE(queue.next());
}

// Rank 0 is long busy with its first task; meanwhile the others do all the rest. Alone, it finds all the rest there.
TEST(WorkQueue, OthersGoOnWhileRankZeroIsBusy) {
  constexpr std::size_t kTasks = 20;
  WorkQueue queue(MPI_COMM_WORLD, kTasks);
  std::vector<int> taken(1, 0);
  const bool first = test::rank_of_world() == 0;
  if (first) {
    ASSERT_TRUE(queue.next());
  }
  MPI_Barrier(MPI_COMM_WORLD);
  if (first) {
    taken[0] = 1;
    for (int i = 0; i < 1000; ++i) {
      std::this_thread::sleep_for(1ms);
      queue.poke();
    }
    while (queue.next()) ++taken[0];
    if (test::ranks_of_world() > 1) {
      EXPECT_EQ(taken[0], 1) << "the others waited for rank 0";
    }
  } else {
    while (queue.next()) ++taken[0], std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(total(taken)[0], static_cast<int>(kTasks));
}

TEST(WorkQueue, NothingIsHandedOutAfterAStop) {
  WorkQueue queue(MPI_COMM_WORLD, 1000000);
  ASSERT_TRUE(queue.next());
  MPI_Barrier(MPI_COMM_WORLD);
  if (test::rank_of_world() == test::ranks_of_world() - 1) queue.stop();
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT_FALSE(queue.next());
}

}  // namespace
}  // namespace brainmt::comm

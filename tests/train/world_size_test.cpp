// Runs that go on with another number of ranks: with deterministic=world they end in the bits of one that never did.
#include <gtest/gtest.h>

#include <vector>

#include "run_support.hpp"

namespace brainmt::train {
namespace {

namespace fs = std::filesystem;

class WorldSize : public testing::Test {
 protected:
  WorldSize() {
    test::write_tiny_cohort(MPI_COMM_WORLD, where_ / "cohort.h5", 14);
    cohort_ = std::make_unique<io::Cohort>(where_ / "cohort.h5");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  }

  struct Part {
    int ranks;
    std::int64_t until;  // 0: the end
  };

  // A run with a global batch of 4 in parts, each of them resumed from the checkpoint of the one before.
  fs::path train_in_parts(const std::string& name, const std::vector<Part>& parts) {
    const fs::path run_dir = where_ / name;
    for (const auto& [ranks, until] : parts) {
      test::SubCommunicator sub(ranks);
      if (!sub.get()) continue;
      TrainSettings s = test::tiny_settings(run_dir);
      s.batch_size = 1;
      s.accumulate = 4 / ranks;
      s.determinism = comm::Determinism::kWorld;
      s.max_steps = until;
      EXPECT_EQ(train(s, *cohort_, *sub.get()), until == 0 ? Outcome::kFinished : Outcome::kStepLimit);
    }
    return run_dir;
  }

  test::SharedDirectory where_;
  std::unique_ptr<io::Cohort> cohort_;
  int rank_ = 0;
};

TEST_F(WorldSize, Row21_AnotherNumberOfRanksEndsInTheSameBits) {
  const fs::path never = train_in_parts("1", {{1, 0}});
  const std::vector<fs::path> changed{train_in_parts("1-2", {{1, 2}, {2, 0}}), train_in_parts("2-1", {{2, 2}, {1, 0}}),
                                      train_in_parts("2-4", {{2, 3}, {4, 0}}),
                                      train_in_parts("2-1-4", {{2, 1}, {1, 4}, {4, 0}})};
  if (rank_ != 0) return;
  ASSERT_GE(test::newest_step(never), 5);
  for (const fs::path& run : changed) {
    SCOPED_TRACE(run.filename());
    test::expect_same_tensors(never, run);
  }
}

}  // namespace
}  // namespace brainmt::train

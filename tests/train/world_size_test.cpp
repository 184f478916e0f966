// deterministic=world: one global batch gives one set of bits for every split of it into ranks x run.batch_size x
// run.accumulate, also where a run is resumed with another split. A job of four ranks; smaller numbers are
// sub-communicators. Two targets with missing labels, DropPath, clipping, and a last step that is not full.
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <vector>

#include "io/checksum.hpp"
#include "train/run_support.hpp"

namespace brainmt::train {

using namespace run;
using namespace task;
namespace {

namespace fs = std::filesystem;

constexpr int kSubjects = 27;  // 19 to train on

struct Split {
  int ranks, batch_size, accumulate;
};

std::string name_of(const Split& s) { return fmt::format("{}x{}x{}", s.ranks, s.batch_size, s.accumulate); }

// Every split of `global_batch` over `ranks`.
void add_splits(std::vector<Split>& splits, int global_batch, int ranks) {
  for (int batch_size = 1; batch_size <= global_batch / ranks; ++batch_size)
    if (global_batch % (ranks * batch_size) == 0)
      splits.push_back({ranks, batch_size, global_batch / (ranks * batch_size)});
}

void remove_labels(io::CohortLayout& layout) {
  std::vector<std::string> sex;
  std::vector<double> cognition;
  for (const io::CohortScan& scan : layout.scans) {
    const int i = std::stoi(scan.participant_id.substr(4));
    sex.push_back(i % 3 == 0 ? "" : i % 2 == 0 ? "M" : "F");
    cognition.push_back(i % 4 == 1 ? std::numeric_limits<double>::quiet_NaN() : 100.0 + 3 * (i % 7));
  }
  layout.phenotypes[0].values = sex;
  layout.phenotypes.push_back({"cognition", cognition});
}

class WorldSize : public testing::Test {
 protected:
  WorldSize() {
    test::write_tiny_cohort(MPI_COMM_WORLD, where_ / "cohort.h5", kSubjects, /*second_runs=*/true, remove_labels);
    cohort_ = std::make_unique<io::Cohort>(where_ / "cohort.h5");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  }

  struct Part {
    Split split;
    std::int64_t until;  // 0: the end
  };

  // A run in parts, each of them resumed from the checkpoint of the one before.
  fs::path train_in_parts(const std::string& name, const std::vector<Part>& parts, DType activation = DType::kF32,
                          comm::Determinism determinism = comm::Determinism::kWorld) {
    const fs::path run_dir = where_ / name;
    for (const auto& [split, until] : parts) {
      test::SubCommunicator sub(split.ranks);
      if (!sub.get()) continue;
      TrainSettings s = test::tiny_settings(run_dir);
      s.task = {.is_multitask = true,
                .targets = {{.name = "sex", .task = Task::kClassification, .weight = 0.5},
                            {.name = "cognition", .task = Task::kRegression, .weight = 2}}};
      s.activation = activation;
      s.step.batches.batch_size = split.batch_size;
      s.step.batches.accumulate = split.accumulate;
      s.identity = fmt::format("run:\n  seed: 42\n  batch_size: {}\n  accumulate: {}\n", s.step.batches.batch_size,
                               s.step.batches.accumulate);
      s.step.batches.by_sample = determinism == comm::Determinism::kWorld;
      s.loop.max_steps = until;
      EXPECT_EQ(train(s, *cohort_, *sub.get()), until == 0 ? Outcome::kFinished : Outcome::kStepLimit);
    }
    return run_dir;
  }

  // Rank 0: all runs ended in the same bytes, and told the same numbers on their way.
  static void expect_one_result(const std::vector<fs::path>& runs) {
    std::set<std::string> digests;
    for (const fs::path& run : runs) {
      SCOPED_TRACE(run.filename());
      const fs::path end = test::checkpoint_of(run, test::newest_step(run));
      digests.insert(io::sha256_of_file(end / kModelFile) + io::sha256_of_file(end / kOptimizerFile));
      EXPECT_EQ(numbers_of(run), numbers_of(runs.front()));
    }
    EXPECT_EQ(digests.size(), 1u) << "of " << runs.size() << " runs";
  }

  // Losses, norms and validation metrics, without what measures time.
  static std::vector<nlohmann::json> numbers_of(const fs::path& run) {
    std::vector<nlohmann::json> lines;
    std::istringstream text(test::read_file(run / "metrics.jsonl"));
    for (std::string line; std::getline(text, line);) {
      nlohmann::json record = nlohmann::json::parse(line);
      for (const char* measured : {"time", "samples_per_s", "peak_memory_mib", "data_wait_s", "exposed_comm_s"})
        record.erase(measured);
      lines.push_back(record);
    }
    return lines;
  }

  void expect_splits_agree(int global_batch, const std::vector<int>& ranks, DType activation) {
    std::vector<Split> splits;
    for (const int count : ranks) add_splits(splits, global_batch, count);
    std::vector<fs::path> runs;
    for (const Split& split : splits) runs.push_back(train_in_parts(name_of(split), {{split, 0}}, activation));
    if (rank_ != 0) return;
    ASSERT_GE(test::newest_step(runs.front()), 4);
    expect_one_result(runs);
  }

  test::SharedDirectory where_;
  std::unique_ptr<io::Cohort> cohort_;
  int rank_ = 0;
};

TEST_F(WorldSize, EverySplitOfABatchOf8GivesOneDigest) { expect_splits_agree(8, {1, 2, 4}, DType::kF32); }
TEST_F(WorldSize, EverySplitOfABatchOf8GivesOneDigestInBf16) { expect_splits_agree(8, {1, 2, 4}, DType::kBf16); }
TEST_F(WorldSize, BatchesAndRanksThatAreNoPowersOfTwo) { expect_splits_agree(6, {1, 2, 3}, DType::kF32); }
TEST_F(WorldSize, FourRanksWithThreeSamplesEach) { expect_splits_agree(12, {1, 4}, DType::kF32); }

// The rounding that world mode is there for: without it these two splits differ.
TEST_F(WorldSize, RankModeRoundsAsItsSplit) {
  const auto mode = comm::Determinism::kRank;
  const fs::path one = train_in_parts("1", {{{1, 8, 1}, 0}}, DType::kF32, mode),
                 two = train_in_parts("2", {{{2, 2, 2}, 0}}, DType::kF32, mode);
  if (rank_ != 0) return;
  const std::int64_t step = test::newest_step(one);
  EXPECT_NE(test::weights_at(one, step), test::weights_at(two, step));
}

TEST_F(WorldSize, Row21_AnotherSplitEndsInTheSameBits) {
  const Split one{1, 8, 1}, two{2, 2, 2}, four{4, 1, 2}, steps{1, 1, 8}, pairs{2, 4, 1};
  const std::vector<fs::path> runs{
      train_in_parts("never", {{one, 0}}), train_in_parts("1-2-4", {{one, 1}, {two, 3}, {four, 0}}),
      train_in_parts("4-1", {{four, 2}, {steps, 0}}), train_in_parts("2-2-1", {{pairs, 2}, {two, 4}, {one, 0}})};
  if (rank_ == 0) expect_one_result(runs);
}

TEST_F(WorldSize, ResumeRefusesAnotherGlobalBatch) {
  train_in_parts("run", {{{1, 8, 1}, 1}});
  test::SubCommunicator sub(1);
  if (!sub.get()) return;
  TrainSettings s = test::tiny_settings(where_ / "run");
  s.step.batches.by_sample = true;
  s.step.batches.batch_size = 4;
  try {
    train(s, *cohort_, *sub.get());
    FAIL() << "continued with half the batch";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("(was 8, is 4)"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace brainmt::train

// The same training on 1, 2 and 4 ranks, as sub-communicators of a job with four: equal within rounding by default,
// bit-identical with deterministic=world; predictions alike on any number.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "train/run_support.hpp"

namespace brainmt::train {

using namespace task;
namespace {

namespace fs = std::filesystem;

class TrainerRanks : public testing::Test {
 protected:
  // 14 subjects: 10 to train on, so with a global batch of 4 the last step of an epoch has 2 samples for 4 ranks.
  TrainerRanks() {
    test::write_tiny_cohort(MPI_COMM_WORLD, where_ / "cohort.h5", 14);
    cohort_ = std::make_unique<io::Cohort>(where_ / "cohort.h5");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  }

  // Trains with a global batch of 4 on `ranks` ranks: the batch is spread over ranks first, then over micro steps.
  fs::path train_on(int ranks, comm::Determinism determinism, int batch_size, const std::string& name) {
    const fs::path run_dir = where_ / name;
    test::SubCommunicator sub(ranks);
    if (sub.get()) {
      TrainSettings s = test::tiny_settings(run_dir);
      s.step.batches.batch_size = batch_size;
      s.step.batches.accumulate = 4 / (ranks * batch_size);
      s.step.batches.by_sample = determinism == comm::Determinism::kWorld;
      // A large eps keeps AdamW smooth, where rounding of a tiny gradient would otherwise turn a whole step around.
      s.optimizer.eps = 0.1;
      EXPECT_EQ(train(s, *cohort_, *sub.get()), Outcome::kFinished);
    }
    return run_dir;
  }

  test::Weights initial_weights() const {
    TrainSettings s = test::tiny_settings({});
    models::BrainMT model(test::tiny_on({9, 8, 7}), DType::kF32);
    model.initialise(s.step.batches.seed);
    test::Weights weights;
    for (const nn::Parameter& p : model.parameters().all()) {
      const std::vector<double> values = p.value.to_host();
      weights[p.name].assign(values.begin(), values.end());
    }
    return weights;
  }

  test::SharedDirectory where_;
  std::unique_ptr<io::Cohort> cohort_;
  int rank_ = 0;
};

TEST_F(TrainerRanks, RanksTimesBatchIsWhatCounts) {
  const auto rank_mode = comm::Determinism::kRank;
  const fs::path one = train_on(1, rank_mode, 4, "1x4"), two = train_on(2, rank_mode, 2, "2x2"),
                 four = train_on(4, rank_mode, 1, "4x1"), steps = train_on(1, rank_mode, 1, "1x1x4");
  if (rank_ != 0) return;
  const auto initial = initial_weights();
  const std::int64_t last = test::newest_step(one);
  const auto reference = test::weights_at(one, last);
  // Gradients differ by rounding, some units of 2^-24 = 6e-8; six smooth steps do not amplify that a hundredfold.
  for (const fs::path& other : {two, four, steps}) {
    ASSERT_EQ(test::newest_step(other), last);
    EXPECT_LT(test::relative_difference(reference, test::weights_at(other, last), initial), 1e-5) << other;
  }
}

TEST_F(TrainerRanks, DeterministicWorldGivesTheSameBitsOnAnyNumber) {
  const auto world = comm::Determinism::kWorld;
  const fs::path one = train_on(1, world, 1, "w1"), two = train_on(2, world, 1, "w2"),
                 four = train_on(4, world, 1, "w4");
  if (rank_ != 0) return;
  test::expect_same_tensors(one, two);
  test::expect_same_tensors(one, four);
}

TEST_F(TrainerRanks, PredictionsCountEverySubjectOnce) {
  TrainSettings s = test::tiny_settings({});
  const Dataset data(*cohort_, {{.name = "sex", .task = Task::kClassification}}, s.model.frames);
  models::BrainMT model(test::tiny_on({9, 8, 7}), DType::kF32);
  model.initialise(1);
  const std::vector<std::size_t> subjects{3, 0, 7, 8, 11};
  std::vector<std::vector<SubjectOutput>> results;
  for (const int ranks : {1, 2, 4}) {
    test::SubCommunicator sub(ranks);
    if (sub.get()) results.push_back(predict(model, data, subjects, {.stride = 1, .batch = 1}, *sub.get()));
  }
  for (const auto& result : results) {
    ASSERT_EQ(result.size(), subjects.size());
    for (std::size_t i = 0; i < subjects.size(); ++i) {
      EXPECT_EQ(result[i].subject, subjects[i]);
      // 6 or 7 frames, windows of 4, every frame a start: 3 or 4 windows.
      EXPECT_EQ(result[i].windows, 3 + static_cast<std::int64_t>(subjects[i] % 2));
      EXPECT_EQ(result[i].outputs, results.back()[i].outputs);
    }
  }
}

}  // namespace
}  // namespace brainmt::train

// What reaches the model: each sample's window has the right frames in the right order, with the label of its subject,
// and every training subject comes once in an epoch, for any number of ranks.
#include "task/training_batches.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "io/cohort_writer.hpp"
#include "io/float16.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::task {
namespace {

constexpr int kSubjects = 12, kFrames = 3;
constexpr std::uint32_t kX = 3, kY = 2, kZ = 4;

// Exact in float16: the scan, the frame and the voxel can be read off every value.
float value_of(std::size_t scan, std::uint64_t frame, std::size_t voxel) {
  return static_cast<float>(scan * 128 + frame * 32 + voxel);
}

class Batches : public testing::Test {
 protected:
  Batches() {
    io::CohortLayout layout;
    layout.grid = {kX, kY, kZ};
    layout.affine = {2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1};
    for (std::uint32_t v = 0; v < layout.grid.voxels(); ++v) layout.voxels.push_back(v);
    layout.normalization = "none";
    layout.provenance = "values that encode their indices";
    std::vector<double> score;
    for (int s = 0; s < kSubjects; ++s) {
      layout.scans.push_back(
          {.participant_id = fmt::format("sub-{:02}", s), .source = "x", .frames = 4, .repetition_time = 1});
      score.push_back(10.0 * s);
    }
    layout.phenotypes = {{"score", score}};
    io::CohortWriter writer(MPI_COMM_SELF, directory_ / "cohort.h5", layout);
    for (std::size_t scan = 0; scan < kSubjects; ++scan) {
      std::vector<std::uint16_t> frames;
      for (std::uint64_t frame = 0; frame < 4; ++frame)
        for (std::size_t v = 0; v < layout.voxels.size(); ++v)
          frames.push_back(io::float_to_half(value_of(scan, frame, v)));
      writer.write_frames(scan, 0, frames);
      writer.set_scan_statistics(scan, {.mean = 0, .std = 1, .fill = 0});
    }
    writer.commit();
    cohort_.emplace(directory_ / "cohort.h5");
    data_.emplace(
        prepare_training_data(*cohort_, {.targets = {{.name = "score", .task = Task::kRegression}}}, {}, kFrames));
  }

  // Checks one batch and counts its subjects.
  void check(const MicroBatch& batch, std::map<std::size_t, int>& seen) const {
    if (batch.samples.empty()) return;
    const auto count = static_cast<std::int64_t>(batch.samples.size());
    ASSERT_EQ(batch.input.shape(), (Shape{count, kFrames, kY, kX, kZ}));
    const std::vector<double> values = batch.input.to_host();
    constexpr std::size_t kVoxels = kX * kY * kZ;
    for (std::size_t b = 0; b < batch.samples.size(); ++b) {
      const double first = values[b * kFrames * kVoxels];
      const auto scan = static_cast<std::size_t>(first / 128);
      const auto start = static_cast<std::uint64_t>(first - 128.0 * static_cast<double>(scan)) / 32;
      for (std::uint64_t t = 0; t < kFrames; ++t)
        for (std::size_t v = 0; v < kVoxels; ++v)
          ASSERT_EQ(values[(b * kFrames + t) * kVoxels + v], value_of(scan, start + t, v));
      EXPECT_NEAR(data_->task.targets[0].scaling.original(batch.targets[b]), 10.0 * static_cast<double>(scan), 1e-4);
      ++seen[scan];
    }
  }

  test::TemporaryDirectory directory_;
  std::optional<io::Cohort> cohort_;
  std::optional<TrainingData> data_;
};

TEST_F(Batches, HoldTheWindowsOfTheirSubjectsOnceAnEpoch) {
  for (const int ranks : {1, 2, 4}) {
    for (const DType activation : {DType::kF32, DType::kF64}) {
      std::map<std::size_t, int> seen;
      std::int64_t steps = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        BatchPlan plan{.settings = {.seed = 5, .batch_size = 2, .accumulate = 2},
                       .rank = rank,
                       .ranks = ranks,
                       .input = windows_of(*cohort_, kFrames),
                       .activation = activation};
        steps = order_of(plan, *data_).steps_per_epoch();
        plan.end_step = steps;
        TrainingBatches batches(*data_, plan);
        for (std::int64_t step = 0; step < steps; ++step)
          for (int micro = 0; micro < plan.settings.micro_steps(); ++micro) check(batches.next(step, micro), seen);
      }
      EXPECT_EQ(seen.size(), data_->part(Part::kTrain).size());
      for (const auto& [scan, times] : seen) EXPECT_EQ(times, 1) << "scan " << scan << ", " << ranks << " ranks";
    }
  }
}

TEST_F(Batches, ScalingIsOfTheTrainingPartOnly) {
  double sum = 0;
  for (const std::size_t i : data_->part(Part::kTrain)) sum += data_->data.subjects()[i].labels[0];
  EXPECT_NEAR(data_->task.targets[0].scaling.mean, sum / static_cast<double>(data_->part(Part::kTrain).size()), 1e-12);
  EXPECT_NE(data_->task.targets[0].scaling.mean, 10.0 * (kSubjects - 1) / 2);  // the mean of all subjects
}

TEST_F(Batches, ShufflingKeepsLabelsInsideOfTheirPartAndTestUntouched) {
  const TrainingData shuffled = prepare_training_data(
      *cohort_, {.targets = {{.name = "score", .task = Task::kRegression}}, .shuffle = true, .seed = 1}, {}, kFrames);
  for (const Part part : kParts) {
    std::multiset<double> before, after;
    std::size_t moved = 0;
    for (const std::size_t i : data_->part(part)) {
      before.insert(data_->data.subjects()[i].labels[0]);
      after.insert(shuffled.data.subjects()[i].labels[0]);
      moved += data_->data.subjects()[i].labels[0] != shuffled.data.subjects()[i].labels[0];
    }
    EXPECT_EQ(before, after);
    if (part == Part::kTrain) {
      EXPECT_GT(moved, 0u);
    }
    if (part == Part::kTest) {
      EXPECT_EQ(moved, 0u);
    }
  }
}

}  // namespace
}  // namespace brainmt::task

// Pretraining on a cohort of parcels: it learns, resumes to the same bits, and with deterministic=world gives the same
// bits on one and two ranks; the weights carry how series were brought to scale.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "io/checksum.hpp"
#include "models/brainlm.hpp"
#include "run/weights.hpp"
#include "support/expect_error.hpp"
#include "task/task_description.hpp"
#include "train/run_support.hpp"

namespace brainmt::train {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSubjects = 12, kParcels = 6, kFrames = 30;

// Smooth series: a slow wave of the parcel and noise.
std::vector<float> series_of(std::size_t scan) {
  Philox random(11, 1, scan);
  std::vector<double> phase;
  for (std::size_t p = 0; p < kParcels; ++p) phase.push_back(random.uniform(0.0, 6.3));
  std::vector<float> values;
  for (std::size_t t = 0; t < kFrames; ++t)
    for (std::size_t p = 0; p < kParcels; ++p)
      values.push_back(static_cast<float>(100 * (static_cast<double>(p) + 1) +
                                          10 * std::sin(0.25 * static_cast<double>(t) + phase[p]) + random.normal()));
  return values;
}

void write_cohort(MPI_Comm comm, const fs::path& path) {
  io::CohortLayout layout;
  layout.normalization = "none";
  layout.provenance = "parcels of the tests";
  std::vector<double> age;
  for (std::size_t s = 0; s < kSubjects; ++s) {
    layout.scans.push_back({.participant_id = fmt::format("sub-{:02}", s),
                            .source = fmt::format("{}", s),
                            .frames = kFrames,
                            .repetition_time = 0.8});
    age.push_back(50 + static_cast<double>(s));
  }
  layout.phenotypes = {{"age", age}};
  io::ParcelTable parcels;
  for (std::size_t p = 0; p < kParcels; ++p) {
    parcels.index.push_back(static_cast<std::int32_t>(p + 1));
    for (auto* texts : {&parcels.name, &parcels.network, &parcels.hemisphere}) texts->emplace_back("x");
    parcels.centroid.push_back({10.0 * static_cast<double>(p) - 30, 5.0 * static_cast<double>(p % 3), 20});
  }
  parcels.atlas = "Small";
  layout.parcels = parcels;
  io::CohortWriter writer(comm, path, layout);
  int rank = 0, ranks = 1;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &ranks);
  for (std::size_t s = static_cast<std::size_t>(rank); s < kSubjects; s += static_cast<std::size_t>(ranks)) {
    writer.write_series(s, 0, series_of(s));
    writer.set_parcel_coverage(s, std::vector<std::uint32_t>(kParcels, 10), std::vector<double>(kParcels, 1.0));
    writer.set_scan_statistics(s, {.mean = 100, .std = 10, .fill = 0});
  }
  writer.commit();
}

TrainSettings settings(const fs::path& run_dir) {
  TrainSettings s = test::tiny_settings(run_dir);
  s.task.targets.clear();
  s.schedule.epochs = 6;
  s.schedule.lr = 3e-3;
  s.model = {.family = "brainlm",
             .input = models::InputKind::kParcels,
             .frames = 20,
             .make = [](const models::DataSpec& data, DType activation, models::Model::Memory memory) {
               models::BrainLmConfig c;
               c.xyz = data.xyz;
               c.normalization = data.normalization;
               c.outputs = data.outputs;
               c.frames = 20;
               c.patch_frames = 4;
               c.embed_dim = 16;
               c.depth = {1, 1};
               c.num_heads = {2, 2};
               c.ffn = {32, 32};
               c.filter_taps = 5;
               c.mask_ratio = 0.5;
               c.xyz_scale = 0.02;
               return std::make_unique<models::BrainLm>(c, activation, memory);
             }};
  s.step.batches.by_sample = true;
  return s;
}

class Reconstruction : public testing::Test {
 protected:
  Reconstruction() {
    write_cohort(MPI_COMM_WORLD, where_ / "parcels.h5");
    cohort_ = std::make_unique<io::Cohort>(where_ / "parcels.h5");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks_);
  }

  // Ranks x batch x accumulation is 4.
  fs::path run(const std::string& name, int ranks, std::int64_t stop_at = 0) {
    const fs::path run_dir = where_ / name;
    for (const std::int64_t until :
         stop_at > 0 ? std::vector<std::int64_t>{stop_at, 0} : std::vector<std::int64_t>{0}) {
      test::SubCommunicator sub(ranks);
      if (!sub.get()) continue;
      TrainSettings s = settings(run_dir);
      s.step.batches.batch_size = 4 / ranks;
      s.identity = fmt::format("run:\n  batch_size: {}\n  accumulate: 1\n", s.step.batches.batch_size);
      s.loop.max_steps = until;
      EXPECT_EQ(train(s, *cohort_, *sub.get()), until == 0 ? Outcome::kFinished : Outcome::kStepLimit);
    }
    return run_dir;
  }

  static std::vector<nlohmann::json> validations(const fs::path& run_dir) {
    std::vector<nlohmann::json> records;
    std::istringstream text(test::read_file(run_dir / "metrics.jsonl"));
    for (std::string line; std::getline(text, line);)
      if (auto record = nlohmann::json::parse(line); record.at("split") == "val") records.push_back(record);
    return records;
  }

  test::SharedDirectory where_;
  std::unique_ptr<io::Cohort> cohort_;
  int rank_ = 0, ranks_ = 1;
};

TEST_F(Reconstruction, LearnsAndSaysHowWellBesideInterpolation) {
  const fs::path run_dir = run("learn", 1);
  if (rank_ != 0) return;
  const auto records = validations(run_dir);
  ASSERT_EQ(records.size(), 6u);
  EXPECT_LT(records.back().at("loss"), records.front().at("loss"));
  for (const char* metric : {"mse", "mae", "r2", "r2_mean", "r2_interpolation"})
    EXPECT_TRUE(records.back().contains(metric)) << metric;
  // The guesses do not depend on the model: masks of a validation are fixed.
  EXPECT_EQ(records.back().at("r2_interpolation"), records.front().at("r2_interpolation"));

  const auto file =
      io::SafetensorsFile::open(test::checkpoint_of(run_dir, test::newest_step(run_dir)) / run::kModelFile);
  const auto described = run::described_model(file);
  ASSERT_NE(described.data.normalization, nullptr);
  EXPECT_EQ(described.data.normalization->iqr.size(), kParcels);
  EXPECT_EQ(described.data.xyz.size(), kParcels);
  const auto task = task::described_task(file.metadata().at(task::kTaskKey));
  ASSERT_TRUE(task.has_value());
  EXPECT_TRUE(task->is_reconstruction);
}

TEST_F(Reconstruction, ResumeGivesTheSameBits) {
  const fs::path whole = run("whole", 1), parts = run("parts", 1, 3);
  if (rank_ == 0) test::expect_same_tensors(whole, parts);
}

TEST_F(Reconstruction, OneAndTwoRanksGiveTheSameBits) {
  if (ranks_ < 2) GTEST_SKIP() << "needs 2 ranks";
  const fs::path one = run("one", 1), two = run("two", 2);
  if (rank_ != 0) return;
  test::expect_same_tensors(one, two);
  EXPECT_EQ(validations(one).back().at("r2"), validations(two).back().at("r2"));
}

TEST_F(Reconstruction, IsRefusedOnVoxels) {
  test::write_tiny_cohort(MPI_COMM_WORLD, where_ / "voxels.h5", 6);
  const io::Cohort voxels(where_ / "voxels.h5");
  test::SubCommunicator sub(1);
  if (!sub.get()) return;
  TrainSettings s = test::tiny_settings(where_ / "refused");
  s.task.targets.clear();
  test::expect_error<UsageError>([&] { train(s, voxels, *sub.get()); }, {"task=reconstruction", "brainlm"});
}

}  // namespace
}  // namespace brainmt::train

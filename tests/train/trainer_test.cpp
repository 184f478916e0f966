// Whole runs on all ranks of the job: interrupted equals uninterrupted, bit for bit; what a start refuses; what stops
// it.
#include "train/trainer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.hpp"
#include "run/checkpoint.hpp"
#include "run/checkpoint_files.hpp"
#include "run/train_state.hpp"
#include "support/expect_error.hpp"
#include "train/run_support.hpp"

namespace brainmt::train {

using namespace run;
namespace {

namespace fs = std::filesystem;

constexpr int kSubjects = 16;

class Trainer : public testing::Test {
 protected:
  Trainer() : comm_(MPI_COMM_WORLD) {
    test::write_tiny_cohort(MPI_COMM_WORLD, where_ / "cohort.h5", kSubjects, /*second_runs=*/true);
    cohort_ = std::make_unique<io::Cohort>(where_ / "cohort.h5");
    full_ = settings("full");
    full_.step.batches.accumulate = 2;
  }

  TrainSettings settings(const std::string& name) const { return test::tiny_settings(where_ / name); }
  TrainSettings like_full(const std::string& name) const {
    TrainSettings s = full_;
    s.run_dir = s.split.run_dir = where_ / name;
    return s;
  }
  Outcome run(const TrainSettings& s) { return train(s, *cohort_, comm_); }
  bool is_root() const { return comm_.rank() == 0; }

  test::SharedDirectory where_;
  comm::MpiCommunicator comm_;
  std::unique_ptr<io::Cohort> cohort_;
  TrainSettings full_;
};

// Checks on the files of a run are made by rank 0 while the others wait in SharedDirectory's destructor.

TEST_F(Trainer, InterruptedAnywhereEqualsUninterrupted) {
  ASSERT_EQ(run(full_), Outcome::kFinished);
  const std::int64_t last = test::newest_step(full_.run_dir);
  ASSERT_GE(last, 4);
  // Inside of the first epoch, at its end, and after it.
  for (const std::int64_t stop : {std::int64_t{1}, last / 2, last / 2 + 1}) {
    TrainSettings part = like_full(fmt::format("stopped-{}", stop));
    part.loop.max_steps = stop;
    ASSERT_EQ(run(part), Outcome::kStepLimit);
    EXPECT_EQ(test::newest_step(part.run_dir), stop);
    part.loop.max_steps = 0;
    ASSERT_EQ(run(part), Outcome::kFinished);
    if (is_root()) test::expect_same_run(full_.run_dir, part.run_dir);
  }
}

TEST_F(Trainer, ChainOfInterruptionsOnOneRankOnlyEqualsUninterrupted) {
  ASSERT_EQ(run(full_), Outcome::kFinished);
  TrainSettings chain = like_full("chain");
  chain.stop_requested = [this] { return comm_.rank() == comm_.size() - 1; };
  Outcome outcome = Outcome::kInterrupted;
  int starts = 0;
  for (; outcome == Outcome::kInterrupted; ++starts) outcome = run(chain);
  EXPECT_EQ(outcome, Outcome::kFinished);
  EXPECT_EQ(starts, test::newest_step(full_.run_dir));  // one step for each start
  if (is_root()) test::expect_same_run(full_.run_dir, chain.run_dir);
}

TEST_F(Trainer, FallsBackOverADamagedCheckpointAndEndsTheSame) {
  full_.loop.checkpoint_every = 1;
  ASSERT_EQ(run(full_), Outcome::kFinished);
  TrainSettings damaged = like_full("damaged");
  damaged.loop.max_steps = 3;
  ASSERT_EQ(run(damaged), Outcome::kStepLimit);
  if (is_root()) {
    const fs::path file = test::checkpoint_of(damaged.run_dir, 3) / kOptimizerFile;
    std::string bytes = test::read_file(file);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    test::write_file(file, bytes);
  }
  comm_.barrier();
  damaged.loop.max_steps = 0;
  ASSERT_EQ(run(damaged), Outcome::kFinished);
  if (is_root()) test::expect_same_run(full_.run_dir, damaged.run_dir);
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

TEST_F(Trainer, ARefusedStartLeavesNothingBehind) {
  TrainSettings refused = settings("new/run");
  refused.init.freeze = {"nothing.*"};
  test::expect_error<UsageError>([&] { run(refused); }, {"init.freeze"});
  comm_.barrier();
  EXPECT_FALSE(fs::exists(where_ / "new"));
  comm_.barrier();

  refused = settings("own");
  if (is_root()) fs::create_directory(where_ / "own");
  if (is_root()) test::write_file(where_ / "own/config.yaml", "mine");
  comm_.barrier();
  refused.init.weights = where_ / "cohort.h5";  // found when everything else is made
  test::expect_error<Error>([&] { run(refused); }, {"cohort.h5", "expected weights"});
  if (is_root()) EXPECT_EQ(names_in(where_ / "own"), std::vector<std::string>{"config.yaml"});
}

TEST_F(Trainer, ARefusedContinuationLeavesTheRunAlone) {
  full_.loop.max_steps = 1;
  ASSERT_EQ(run(full_), Outcome::kStepLimit);
  std::vector<std::string> before;
  if (is_root()) before = names_in(full_.run_dir);
  TrainSettings other = like_full("full");
  other.identity += "changed: true\n";
  test::expect_error<UsageError>([&] { run(other); }, {"changed"});
  if (is_root()) EXPECT_EQ(names_in(full_.run_dir), before);
  comm_.barrier();
  full_.loop.max_steps = 2;
  EXPECT_EQ(run(full_), Outcome::kStepLimit);
}

// The weights of a run's newest checkpoint.
fs::path weights_of(const fs::path& run_dir) {
  return run_dir / "checkpoints" / run::step_name(test::newest_step(run_dir)) / run::kModelFile;
}

TEST_F(Trainer, FineTuningStartsFromWeightsAndKeepsWhatIsFrozen) {
  ASSERT_EQ(run(full_), Outcome::kFinished);
  const fs::path checkpoints = full_.run_dir / "checkpoints";
  const auto best = run::read_pointer(checkpoints, "best");
  ASSERT_TRUE(best);
  for (const fs::path& path : {full_.run_dir, full_.run_dir / "", checkpoints, checkpoints / "best",
                               checkpoints / run::step_name(*best), where_ / "full/checkpoints/best"})
    EXPECT_EQ(run::weights_file_of(comm_, path), checkpoints / run::step_name(*best) / run::kModelFile) << path;
  EXPECT_EQ(run::weights_file_of(comm_, where_ / "best"), where_ / "best");
  TrainSettings tuned = like_full("tuned");
  tuned.init = {.weights = full_.run_dir / "checkpoints/latest", .freeze = {"patch_embed.*", "layers.*"}};
  tuned.loop.max_steps = 2;
  ASSERT_EQ(run(tuned), Outcome::kStepLimit);
  if (is_root()) {
    const auto before = io::SafetensorsFile::open(weights_of(full_.run_dir));
    const auto after = io::SafetensorsFile::open(weights_of(tuned.run_dir));
    for (const std::string& name : before.names()) {
      const bool frozen = name.starts_with("patch_embed.") || name.starts_with("layers.");
      const bool same = std::ranges::equal(before.bytes(name), after.bytes(name));
      if (frozen) EXPECT_TRUE(same) << name;
      if (name == "head.weight") EXPECT_FALSE(same);
    }
  }
  // Stopped and continued, it has the bits of one that was not: the file is read once.
  TrainSettings whole = like_full("whole");
  whole.init = tuned.init;
  tuned.loop.max_steps = 0;
  ASSERT_EQ(run(tuned), Outcome::kFinished);
  ASSERT_EQ(run(whole), Outcome::kFinished);
  if (is_root()) test::expect_same_run(whole.run_dir, tuned.run_dir);
}

TEST_F(Trainer, FreezingNothingOrEverythingIsRefused) {
  for (const auto& [pattern, said] : {std::pair{"stem.*", "no parameter"}, std::pair{"*", "nothing to train"}}) {
    TrainSettings s = like_full("frozen");
    s.init.freeze = {pattern};
    test::expect_error<UsageError>([&] { run(s); }, {"init.freeze", said});
  }
}

TEST_F(Trainer, RunDirectoryHoldsTheContract) {
  TrainSettings s = like_full("files");
  s.loop.max_steps = 2;
  ASSERT_EQ(run(s), Outcome::kStepLimit);
  s.loop.max_steps = 0;
  ASSERT_EQ(run(s), Outcome::kFinished);
  ASSERT_EQ(run(s), Outcome::kAlreadyFinished);
  if (!is_root()) return;
  for (const char* name : {"config.yaml", "overrides.txt", "provenance.json", "split.json", "metrics.jsonl",
                           "metrics.csv", "log.txt", "checkpoints/latest", "checkpoints/best"})
    EXPECT_TRUE(fs::exists(s.run_dir / name)) << name;
  // Every step once, every epoch's validation once, in order.
  std::istringstream lines(test::read_file(s.run_dir / "metrics.jsonl"));
  std::vector<std::int64_t> steps, epochs;
  for (std::string line; std::getline(lines, line);) {
    const auto record = nlohmann::json::parse(line);
    (record.at("split") == "train" ? steps : epochs)
        .push_back(record.at(record.at("split") == "train" ? "step" : "epoch"));
  }
  std::vector<std::int64_t> expected(static_cast<std::size_t>(test::newest_step(s.run_dir)));
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<std::int64_t>(i) + 1;
  EXPECT_EQ(steps, expected);
  EXPECT_EQ(epochs, (std::vector<std::int64_t>{1, 2}));
}

TEST_F(Trainer, AnotherConfigurationIsRefusedWithItsKeys) {
  TrainSettings s = like_full("other");
  s.identity = "optimizer:\n  lr: 0.001\nrun:\n  seed: 42\n";
  s.loop.max_steps = 1;
  ASSERT_EQ(run(s), Outcome::kStepLimit);
  s.identity = "optimizer:\n  lr: 0.002\nrun:\n  seed: 42\n";
  test::expect_error<Error>([&] { run(s); }, {"optimizer.lr (was 0.001, is 0.002)"});
  s.identity = "optimizer:\n  lr: 0.001\nrun:\n  seed: 42\n";
  s.step.batches.batch_size = 3;
  test::expect_error<Error>([&] { run(s); }, {"samples per step"});
}

class DivergingTrainer : public Trainer, public testing::WithParamInterface<DType> {};

TEST_P(DivergingTrainer, EndsAndIsNeverSaved) {
  TrainSettings s = like_full("diverges");
  s.activation = GetParam();
  s.schedule.epochs = 20;
  s.schedule.lr = 1e36;
  s.schedule.warmup_epochs = 0;
  s.loop.max_not_finite = 2;
  s.loop.checkpoint_every = 1;
  try {
    run(s);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kNonFinite) << error.what();
    EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos) << error.what();
  }
  if (!is_root()) return;
  for (const std::int64_t step : list_steps(s.run_dir / "checkpoints")) {
    const auto file = io::SafetensorsFile::open(test::checkpoint_of(s.run_dir, step) / kModelFile);
    for (const std::string& name : file.names()) {
      std::vector<float> values(file.info(name).elements());
      file.read_f32(name, values);
      for (const float value : values) ASSERT_TRUE(std::isfinite(value)) << name << " at step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, DivergingTrainer, testing::Values(DType::kF32, DType::kBf16),
                         [](const auto& info) { return std::string(name_of(info.param)); });

TEST_F(Trainer, StopsWithACheckpointWhenTimeIsUp) {
  TrainSettings s = like_full("time");
  s.time_limit.max_seconds = 1e-6;
  EXPECT_EQ(run(s), Outcome::kInterrupted);
  EXPECT_EQ(test::newest_step(s.run_dir), 1);
}

TEST_F(Trainer, StopsEarlyWithoutImprovement) {
  TrainSettings s = like_full("patience");
  s.schedule.epochs = 30;
  s.schedule.lr = s.schedule.min_lr = 1e-30;  // nothing is learnt: the second epoch cannot be better than the first
  s.schedule.warmup_epochs = 0;
  s.optimizer.weight_decay = 0;
  s.loop.patience = 1;
  EXPECT_EQ(run(s), Outcome::kFinished);
  const TrainState state =
      state_from_json(test::read_file(test::checkpoint_of(s.run_dir, test::newest_step(s.run_dir)) / kStateFile));
  EXPECT_TRUE(state.finished);
  EXPECT_EQ(state.stopping.without_improvement, 1);
  EXPECT_EQ(run(s), Outcome::kAlreadyFinished);
}

}  // namespace
}  // namespace brainmt::train

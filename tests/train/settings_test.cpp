// From keys to the settings of each part.
#include <gtest/gtest.h>

#include "run/schemas.hpp"
#include "train/trainer.hpp"

namespace brainmt::train {
namespace {

TrainSettings settings_of(std::vector<std::string> overrides, int ranks) {
  const config::Config config =
      config::resolve(run::train_schema(), {.file = {}, .overrides = std::move(overrides), .directories = {}});
  return TrainSettings::from_config(config, ranks);
}

TEST(TrainSettings, TakeEachFieldFromItsKey) {
  const TrainSettings s = settings_of({"run.dir=r",
                                       "run.seed=7",
                                       "run.batch_size=3",
                                       "run.accumulate=4",
                                       "data.prefetch=5",
                                       "run.epochs=6",
                                       "optimizer.lr=0.1",
                                       "scheduler.min_lr=0.01",
                                       "scheduler.warmup_epochs=2",
                                       "optimizer.betas=[0.5,0.6]",
                                       "comm.bucket_mb=2",
                                       "comm.timeout=9",
                                       "comm.backend=mpi",
                                       "comm.gradient_dtype=bf16",
                                       "device.graphs=false",
                                       "run.max_steps=11",
                                       "early_stopping.patience=12",
                                       "checkpoint.every_steps=13",
                                       "checkpoint.keep=14",
                                       "checkpoint.async=false",
                                       "log.every_steps=15",
                                       "run.max_seconds=16",
                                       "run.stop_margin=17",
                                       "init.freeze=[head.*]",
                                       "eval.stride=18",
                                       "task=classification",
                                       "task.target=sex",
                                       "data.split_group=site"},
                                      2);
  EXPECT_EQ(s.run_dir, "r");
  EXPECT_EQ(s.split.run_dir, "r");
  EXPECT_EQ(s.split.plan.seed, 7u);
  EXPECT_EQ(s.split.plan.group, "site");
  EXPECT_EQ(s.task.seed, 7u);
  EXPECT_EQ(s.task.targets.front().name, "sex");
  EXPECT_EQ(s.task.targets.front().task, task::Task::kClassification);
  const task::BatchSettings& batches = s.step.batches;
  EXPECT_EQ(batches.seed, 7u);
  EXPECT_EQ(batches.micro_batch(), 3);
  EXPECT_EQ(batches.micro_steps(), 4);
  EXPECT_EQ(batches.prefetch, 5);
  EXPECT_EQ(s.step.bucket_bytes, std::size_t{2} << 20);
  EXPECT_EQ(s.step.determinism(), comm::Determinism::kRank);
  EXPECT_EQ(s.schedule.epochs, 6);
  EXPECT_EQ(s.schedule.lr, 0.1);
  EXPECT_EQ(s.schedule.min_lr, 0.01);
  EXPECT_EQ(s.schedule.warmup_epochs, 2);
  EXPECT_EQ(s.optimizer.beta1, 0.5);
  EXPECT_EQ(s.optimizer.beta2, 0.6);
  EXPECT_EQ(s.route.timeout, 9);
  EXPECT_EQ(s.route.backend, comm::DeviceBackend::kMpi);
  EXPECT_EQ(s.route.wire_dtype, comm::WireDtype::kBfloat16);
  EXPECT_FALSE(s.route.graphs);
  EXPECT_EQ(s.loop.max_steps, 11);
  EXPECT_EQ(s.loop.patience, 12);
  EXPECT_EQ(s.loop.checkpoint_every, 13);
  EXPECT_EQ(s.checkpoint.keep, 14);
  EXPECT_FALSE(s.checkpoint.asynchronous);
  EXPECT_EQ(s.loop.log_every, 15);
  EXPECT_EQ(s.time_limit.max_seconds, 16);
  EXPECT_EQ(s.time_limit.margin, 17);
  EXPECT_EQ(s.init.freeze, std::vector<std::string>{"head.*"});
  EXPECT_EQ(s.validation.stride, 18);
  EXPECT_EQ(s.validation.batch, 3) << "as in training";
  EXPECT_EQ(s.validation.prefetch, 5);
  EXPECT_EQ(s.start.ranks, 2);
}

TEST(TrainSettings, WorldModeComputesEachSampleByItself) {
  const TrainSettings s =
      settings_of({"deterministic=world", "run.batch_size=3", "run.accumulate=4", "eval.batch_size=8"}, 1);
  EXPECT_EQ(s.step.determinism(), comm::Determinism::kWorld);
  EXPECT_EQ(s.step.batches.micro_batch(), 1);
  EXPECT_EQ(s.step.batches.micro_steps(), 12);
  EXPECT_EQ(s.validation.batch, 1);
}

TEST(TrainSettings, AccumulateToTheGlobalBatch) {
  EXPECT_EQ(settings_of({"run.global_batch=24", "run.batch_size=3"}, 2).step.batches.accumulate, 4);
  EXPECT_THROW(settings_of({"run.global_batch=25", "run.batch_size=3"}, 2), UsageError);
}

}  // namespace
}  // namespace brainmt::train

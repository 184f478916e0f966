// The learning rate per step, and when training stops early.
#include "train/schedule.hpp"

#include <gtest/gtest.h>

#include "train/early_stopping.hpp"

namespace brainmt::train {
namespace {

TEST(LearningRateSchedule, WarmsUpLinearlyAndFallsAsACosine) {
  const LearningRateSchedule schedule({.epochs = 3, .lr = 2e-4, .min_lr = 1e-6, .warmup_epochs = 1}, 10);
  EXPECT_DOUBLE_EQ(schedule.at(0), 2e-5);
  EXPECT_DOUBLE_EQ(schedule.at(4), 1e-4);
  EXPECT_DOUBLE_EQ(schedule.at(9), 2e-4);
  EXPECT_DOUBLE_EQ(schedule.at(19), (2e-4 + 1e-6) / 2);  // half way down
  EXPECT_DOUBLE_EQ(schedule.at(29), 1e-6);
  EXPECT_DOUBLE_EQ(schedule.at(1000), 1e-6);
  for (std::int64_t step = 10; step < 30; ++step) EXPECT_LT(schedule.at(step), schedule.at(step - 1)) << step;
}

TEST(LearningRateSchedule, WithoutWarmUpAndCutShort) {
  const LearningRateSchedule flat_start({.epochs = 4, .lr = 1.0, .min_lr = 0.0, .warmup_epochs = 0}, 1);
  EXPECT_DOUBLE_EQ(flat_start.at(1), 0.5);
  EXPECT_DOUBLE_EQ(flat_start.at(3), 0.0);
  const LearningRateSchedule warmup_only({.epochs = 4, .lr = 1.0, .min_lr = 0.0, .warmup_epochs = 8}, 1);
  EXPECT_DOUBLE_EQ(warmup_only.at(3), 0.5);
}

TEST(EarlyStopping, StopsAfterPatienceEvaluationsWithoutImprovement) {
  EarlyStopping stopping(2, 0.1);
  EXPECT_TRUE(stopping.update(5.0));
  EXPECT_FALSE(stopping.update(4.95));  // not by min_delta
  EXPECT_FALSE(stopping.should_stop());
  EXPECT_TRUE(stopping.update(4.0));
  EXPECT_FALSE(stopping.update(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(stopping.update(4.5));
  EXPECT_TRUE(stopping.should_stop());
  EXPECT_EQ(stopping.state().best, 4.0);
}

TEST(EarlyStopping, GoesOnFromACheckpoint) {
  EarlyStopping before(3);
  before.update(1.0);
  before.update(2.0);
  EarlyStopping after(3, 0.0, before.state());
  EXPECT_FALSE(after.update(1.5));
  EXPECT_FALSE(after.should_stop());
  after.update(1.0);
  EXPECT_TRUE(after.should_stop());
}

TEST(EarlyStopping, PatienceZeroNeverStops) {
  EarlyStopping stopping(0);
  stopping.update(1.0);
  for (int i = 0; i < 100; ++i) stopping.update(2.0);
  EXPECT_FALSE(stopping.should_stop());
}

}  // namespace
}  // namespace brainmt::train

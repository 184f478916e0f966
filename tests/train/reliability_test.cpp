// The small parts that keep a run safe: work in the background, time limits, comparisons of ranks, jumps of the loss.
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <thread>

#include "run/background_work.hpp"
#include "run/replicas.hpp"
#include "support/expect_error.hpp"
#include "train/loss_watch.hpp"
#include "train/slow_ranks.hpp"
#include "train/time_limit.hpp"

namespace brainmt::train {

using namespace run;
namespace {

using Clock = TimeLimit::Clock;
using std::chrono::seconds;

TEST(BackgroundWork, KeepsWhatItsWorkThrewUntilItIsAskedFor) {
  BackgroundWork background;
  EXPECT_FALSE(background.wait());
  std::promise<void> go;
  background.start([&] {
    go.get_future().wait();
    throw OutputError("no space left");
  });
  EXPECT_FALSE(background.failed());  // still running
  go.set_value();
  while (!background.failed()) std::this_thread::yield();
  const auto error = background.wait();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ExitCode::kOutput);
  EXPECT_FALSE(background.failed());
  EXPECT_FALSE(background.wait());
  int done = 0;
  background.start([&] { done = 1; });
  EXPECT_FALSE(background.wait());
  EXPECT_EQ(done, 1);
  background.start([] { throw std::runtime_error("not ours"); });
  EXPECT_EQ(background.wait()->code(), ExitCode::kInternal);
}

TEST(TimeLimit, WithoutOneNothingIsEverNear) {
  const TimeLimit none({}, Clock::now(), std::nullopt);
  EXPECT_FALSE(none.is_near(1e300));
  EXPECT_EQ(none.rule(), "");
}

TEST(TimeLimit, TheEarlierOfTwoLimitsCounts) {
  const auto start = Clock::now() - seconds(100);
  const TimeLimit own({.max_seconds = 1000}, start, std::nullopt);  // 900 s left
  EXPECT_FALSE(own.is_near(890));
  EXPECT_TRUE(own.is_near(901));
  const TimeLimit slurm({.max_seconds = 1000}, start, 500.0);  // 440 s left
  EXPECT_FALSE(slurm.is_near(430));
  EXPECT_TRUE(slurm.is_near(441));
  EXPECT_NE(slurm.rule().find("run.max_seconds=1000"), std::string::npos);
  EXPECT_NE(slurm.rule().find("SLURM_JOB_END_TIME, which is in 500 s"), std::string::npos);
  EXPECT_TRUE(TimeLimit({}, start, 30.0).is_near(0)) << "inside of the margin already";
  EXPECT_FALSE(TimeLimit({.max_seconds = 1000}, start, 1e18).is_near(890)) << "a job without an end";
}

TEST(TimeLimit, SlurmsEndIsReadFromTheEnvironment) {
  const auto left_with = [](const std::string& value) {
    ::setenv("SLURM_JOB_END_TIME", value.c_str(), 1);
    const auto left = TimeLimit::seconds_left_by_slurm();
    ::unsetenv("SLURM_JOB_END_TIME");
    return left;
  };
  const auto in_an_hour = left_with(std::to_string(std::time(nullptr) + 3600));
  ASSERT_TRUE(in_an_hour);
  EXPECT_NEAR(*in_an_hour, 3600, 2);
  for (const char* value : {"", "soon", "12x", "1e12", "0", "1500000000", "99999999999999999999"})
    EXPECT_FALSE(left_with(value)) << value;
  EXPECT_FALSE(TimeLimit::seconds_left_by_slurm());
}

TEST(Replicas, TheMinorityIsNamed) {
  EXPECT_EQ(differing_ranks({7}), std::vector<int>{});
  EXPECT_EQ(differing_ranks({7, 7, 7, 7}), std::vector<int>{});
  EXPECT_EQ(differing_ranks({7, 7, 8, 7}), std::vector<int>{2});
  EXPECT_EQ(differing_ranks({9, 7, 8, 7, 7}), (std::vector<int>{0, 2}));
  EXPECT_EQ(differing_ranks({7, 8}), (std::vector<int>{0, 1})) << "two ranks have no majority";
  EXPECT_EQ(differing_ranks({7, 8, 7, 8}), (std::vector<int>{0, 1, 2, 3}));
}

TEST(SlowRanks, TwiceTheMedianOfTheOthersIsSlow) {
  const auto slow = [](std::vector<RankTime> times) { return describe_slow_ranks(times, 10).size(); };
  EXPECT_EQ(slow({{5, 0}}), 0u);
  EXPECT_EQ(slow({{5, 0}, {5.5, 0}, {9.9, 0}}), 0u);
  EXPECT_EQ(slow({{5, 0}, {5, 0}, {10.1, 0}}), 1u);
  EXPECT_EQ(slow({{0.01, 0}, {0.2, 0}}), 0u) << "a fifth of a second is nothing";
  EXPECT_EQ(slow({{11, 0}, {5, 0}, {5, 0}, {5, 0}, {12, 0}}), 2u);
  const auto lines = describe_slow_ranks(std::vector<RankTime>{{1, 0}, {4, 3}}, 10);
  ASSERT_EQ(lines.size(), 1u);
  for (const char* part : {"rank 1", "4 s", "10 steps", "3 s of it waiting for data", "1 s"})
    EXPECT_NE(lines[0].find(part), std::string::npos) << lines[0];
}

TEST(LossWatch, CountsJumpsAndNamesTheWorst) {
  LossWatch watch(5);
  for (int step = 1; step <= 20; ++step) watch.add(step, step % 2 == 0 ? 1.0 : 1.2);
  EXPECT_FALSE(watch.report());
  watch.add(21, 6.5);
  watch.add(22, 24);
  watch.add(23, 1);
  const auto report = watch.report();
  ASSERT_TRUE(report);
  EXPECT_NE(report->find("2 loss spikes; the worst: 24 at step 22"), std::string::npos) << *report;
}

TEST(LossWatch, HardBatchesOfAGoodRunAreNoSpikes) {
  LossWatch watch(10);
  for (int step = 1; step <= 20; ++step) watch.add(step, 0.69);
  for (int step = 21; step <= 100; ++step) watch.add(step, step % 20 == 0 ? 0.3 : 0.01);
  EXPECT_FALSE(watch.report()) << "30 times the median, but less than the run started with";
  watch.add(101, 1.5);
  EXPECT_TRUE(watch.report());
}

TEST(LossWatch, AContinuedRunIsJudgedByItsOwnStart) {
  LossWatch continued(10, 0.7), unaware(10);
  for (int step = 1; step <= 20; ++step)
    for (LossWatch* watch : {&continued, &unaware}) watch->add(step, step == 20 ? 0.3 : 0.01);
  EXPECT_FALSE(continued.report());
  EXPECT_TRUE(unaware.report());
}

TEST(LossWatch, NeedsSomeLossesAndKnowsOnlyFiniteOnes) {
  LossWatch early(5), off(0);
  early.add(1, 1);
  early.add(2, 100);
  EXPECT_FALSE(early.report()) << "one loss is no median";
  for (int step = 3; step < 20; ++step) early.add(step, std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(early.report());
  for (int step = 1; step <= 20; ++step) off.add(step, step);
  off.add(21, 1e9);
  EXPECT_FALSE(off.report());
}

}  // namespace
}  // namespace brainmt::train

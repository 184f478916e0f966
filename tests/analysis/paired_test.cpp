#include "analysis/paired.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "support/expect_error.hpp"

namespace brainmt::analysis {
namespace {

using task::Task;

constexpr task::BootstrapSettings kBootstrap{.seed = 3, .resamples = 500};

// `people` participants whose score is their truth plus noise of this size.
Repeat noisy(int people, double noise, std::uint64_t seed, int first = 0) {
  Repeat repeat;
  for (int i = first; i < first + people; ++i) {
    Philox truth(1, 1, static_cast<std::uint64_t>(i)), error(seed, 2, static_cast<std::uint64_t>(i));
    const double y = truth.normal();
    repeat[fmt::format("sub-{:03}", i)] = {y, y + noise * error.normal()};
  }
  return repeat;
}

TEST(Paired, OneRepeatHasTheMetricOfItsPredictions) {
  const Repeats model{{1, {{"a", {1, 2}}, {"b", {2, 2}}, {"c", {3, 1}}}}};
  EXPECT_DOUBLE_EQ(estimate(model, "mae", Task::kRegression, kBootstrap).value, 1.0);
  EXPECT_DOUBLE_EQ(estimate(model, "mse", Task::kRegression, kBootstrap).value, 5.0 / 3);
  const Repeats classes{{1, {{"a", {0, -1}}, {"b", {1, 2}}, {"c", {1, -2}}, {"d", {0, -3}}}}};
  EXPECT_DOUBLE_EQ(estimate(classes, "auroc", Task::kClassification, kBootstrap).value, 0.75);
  EXPECT_DOUBLE_EQ(estimate(classes, "accuracy", Task::kClassification, kBootstrap).value, 0.75);
  test::expect_error<UsageError>([&] { estimate(model, "auroc", Task::kRegression, kBootstrap); },
                                 {"metric=auroc", "pearson_r"});
}

TEST(Paired, RepeatsAreAveragedAndPeopleCountedOnce) {
  const Repeats model{{1, {{"a", {0, 1}}, {"b", {0, 1}}}}, {2, {{"a", {0, 3}}, {"c", {0, 3}}}}};
  const Estimate e = estimate(model, "mae", Task::kRegression, kBootstrap);
  EXPECT_DOUBLE_EQ(e.value, 2.0);
  EXPECT_EQ(e.participants, 3u);
}

TEST(Paired, TheBetterModelIsFound) {
  const Repeats good{{1, noisy(80, 0.3, 11)}, {2, noisy(80, 0.3, 12)}},
      bad{{1, noisy(80, 1.5, 21)}, {2, noisy(80, 1.5, 22)}};
  const Comparison c = compare(good, bad, "mae", Task::kRegression, kBootstrap);
  EXPECT_LT(c.difference.value, 0);
  EXPECT_LT(c.difference.high, 0);
  EXPECT_LT(c.difference.low, c.difference.value);
  EXPECT_DOUBLE_EQ(c.p, 2.0 / 501);
  EXPECT_EQ(c.repeats, 2u);
  // The other way round it is the mirror image.
  const Comparison mirrored = compare(bad, good, "mae", Task::kRegression, kBootstrap);
  EXPECT_DOUBLE_EQ(mirrored.difference.value, -c.difference.value);
  EXPECT_DOUBLE_EQ(mirrored.p, c.p);
}

TEST(Paired, AModelDoesNotDifferFromItself) {
  const Repeats model{{1, noisy(40, 1, 5)}};
  const Comparison c = compare(model, model, "pearson_r", Task::kRegression, kBootstrap);
  EXPECT_EQ(c.difference.value, 0);
  EXPECT_EQ(c.difference.low, 0);
  EXPECT_EQ(c.difference.high, 0);
  EXPECT_EQ(c.p, 1);
}

TEST(Paired, OnlyPeopleAndRepeatsOfBothCount) {
  const Repeats a{{1, noisy(30, 0.5, 5)}, {2, noisy(30, 0.5, 6)}},
      b{{1, noisy(30, 0.5, 7, 10)}, {3, noisy(30, 0.5, 8)}};
  const Comparison c = compare(a, b, "mae", Task::kRegression, kBootstrap);
  EXPECT_EQ(c.difference.participants, 20u);
  EXPECT_EQ(c.repeats, 1u);
  // People of one side only change nothing, however bad their predictions are.
  Repeats worse = a;
  worse[1]["zz"] = {0, 1000};
  worse[4] = {{"zz", {0, 1000}}};
  EXPECT_EQ(compare(worse, b, "mae", Task::kRegression, kBootstrap).difference.value, c.difference.value);
  const Comparison none = compare(a, {{9, noisy(3, 1, 1)}}, "mae", Task::kRegression, kBootstrap);
  EXPECT_TRUE(std::isnan(none.difference.value) && std::isnan(none.p));
}

// Two models of equal quality: 5 % of the p-values fall below 0.05, within four standard deviations of 200 trials.
TEST(Paired, PValuesOfEqualModelsAreSpreadEvenly) {
  int small = 0;
  constexpr int kTrials = 200;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto seed = static_cast<std::uint64_t>(100 + 2 * trial);
    const Repeats a{{1, noisy(60, 1, seed, 100 * trial)}}, b{{1, noisy(60, 1, seed + 1, 100 * trial)}};
    small += compare(a, b, "mae", Task::kRegression, {.seed = seed, .resamples = 200}).p < 0.05;
  }
  EXPECT_NEAR(small, 0.05 * kTrials, 4 * std::sqrt(kTrials * 0.05 * 0.95));
}

TEST(Paired, IsAFunctionOfTheSeed) {
  const Repeats model{{1, noisy(50, 1, 5)}};
  const auto low = [&](std::uint64_t seed) {
    return estimate(model, "r2", Task::kRegression, {.seed = seed, .resamples = 100}).low;
  };
  EXPECT_EQ(low(1), low(1));
  EXPECT_NE(low(1), low(2));
}

}  // namespace
}  // namespace brainmt::analysis

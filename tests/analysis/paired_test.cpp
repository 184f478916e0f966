#include "analysis/paired.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "support/expect_error.hpp"

namespace brainmt::analysis {
namespace {

using task::Task;

const Resampling kBootstrap{.seed = 3, .resamples = 500, .permutations = 500};

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
  EXPECT_DOUBLE_EQ(c.p, 1.0 / 501) << "no swap comes near";
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
  EXPECT_TRUE(c.is_exact) << "a swap changes nothing";
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

// Two scores of equal skill for each participant, with something in common; of the second on a scale of its own. Families
// of `per_family` share half of what is not skill.
struct TwoModels {
  Repeats a, b;
  Blocks families;
};
TwoModels equal_models(int people, std::uint64_t seed, Task task, double scale, int per_family = 1) {
  TwoModels models;
  for (int i = 0; i < people; ++i) {
    Philox random(seed, 7, static_cast<std::uint64_t>(i)),
        of_family(seed, 8, static_cast<std::uint64_t>(i / per_family));
    const double shared_a = of_family.normal(), shared_b = of_family.normal(), family = of_family.normal();
    const double y = task == Task::kClassification ? (random.uniform() < 0.5 ? 1.0 : 0.0) : random.normal() + family;
    const double common = y + 0.7 * random.normal();
    const std::string id = fmt::format("sub-{:03}", i);
    models.a[1][id] = {y, common + random.normal() + (per_family > 1 ? shared_a : 0)};
    models.b[1][id] = {y, scale * (common + random.normal() + (per_family > 1 ? shared_b : 0))};
    if (per_family > 1) models.families[id] = fmt::format("f{}", i / per_family);
  }
  return models;
}

// 5 % of the p-values of equal models fall below 0.05, within four standard deviations, whatever a model's scale where
// the metric does not see it, and over families.
TEST(Paired, PValuesOfEqualModelsAreSpreadEvenly) {
  struct Case {
    const char* metric;
    Task task;
    double scale;
    int per_family;
  };
  constexpr int kTrials = 300;
  for (const Case& one :
       {Case{"mae", Task::kRegression, 1, 1}, Case{"pearson_r", Task::kRegression, 40, 1},
        Case{"mae", Task::kRegression, 1, 3}, Case{"auroc", Task::kClassification, 40, 1},
        Case{"auroc", Task::kClassification, 0.1, 3}, Case{"accuracy", Task::kClassification, 5, 1}}) {
    int small = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      const auto seed = static_cast<std::uint64_t>(500 + trial);
      const TwoModels models = equal_models(60, seed, one.task, one.scale, one.per_family);
      const Resampling resampling{.seed = seed, .resamples = 1, .permutations = 199, .blocks = models.families};
      small += compare(models.a, models.b, one.metric, one.task, resampling).p <= 0.05;
    }
    // Accuracy has few values, so that its p can only be too large.
    const double slack = 4 * std::sqrt(kTrials * 0.05 * 0.95);
    EXPECT_LE(small, 0.05 * kTrials + slack) << one.metric << one.per_family;
    if (std::string(one.metric) != "accuracy") {
      EXPECT_GE(small, 0.05 * kTrials - slack) << one.metric << one.per_family;
    }
  }
}

// What the intervals are for: the difference of equal models is 0, and 95 % of the intervals hold it.
TEST(Paired, IntervalsCoverTheTrueDifference) {
  constexpr int kTrials = 200;
  for (const int per_family : {1, 3}) {
    int covered = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      const auto seed = static_cast<std::uint64_t>(900 + trial);
      const TwoModels models = equal_models(90, seed, Task::kClassification, 3, per_family);
      const Resampling resampling{.seed = seed, .resamples = 200, .permutations = 1, .blocks = models.families};
      const Estimate d = compare(models.a, models.b, "auroc", Task::kClassification, resampling).difference;
      covered += d.low <= 0 && 0 <= d.high;
    }
    // Four standard deviations, and two trials for a percentile interval of 30 families.
    EXPECT_NEAR(covered, 0.95 * kTrials, 4 * std::sqrt(kTrials * 0.05 * 0.95) + 2) << per_family;
  }
}

// What may be swapped: ranks, z-scores, or the predictions themselves.
std::vector<double> on_one_scale(const std::string& metric, const std::vector<double>& values) {
  std::vector<double> result;
  double mean = 0, squares = 0;
  for (const double v : values) mean += v / static_cast<double>(values.size());
  for (const double v : values) squares += (v - mean) * (v - mean) / static_cast<double>(values.size());
  for (const double v : values) {
    const auto rank = static_cast<double>(std::ranges::count_if(values, [&](double other) { return other <= v; }));
    result.push_back(metric == "auroc" ? rank : metric == "pearson_r" ? (v - mean) / std::sqrt(squares) : v);
  }
  return result;
}

// Every pattern of swaps in plain loops.
TEST(Paired, FewBlocksAreSwappedInAllWays) {
  for (const char* metric : {"auroc", "f1", "pearson_r", "r2"}) {
    const Task task =
        std::string(metric) == "auroc" || std::string(metric) == "f1" ? Task::kClassification : Task::kRegression;
    const TwoModels models = equal_models(14, 77, task, 5, 2);
    const Resampling resampling{.seed = 1, .resamples = 1, .permutations = 128, .blocks = models.families};
    const Comparison c = compare(models.a, models.b, metric, task, resampling);
    ASSERT_TRUE(c.is_exact) << "7 families";
    EXPECT_EQ(c.difference.blocks, 7u);
    std::vector<double> truth, a, b;
    for (const auto& [id, one] : models.a.at(1)) {
      truth.push_back(one.truth);
      a.push_back(one.score);
      b.push_back(models.b.at(1).at(id).score);
    }
    const auto x = on_one_scale(metric, a), y = on_one_scale(metric, b);
    int extreme = 0;
    double observed = 0;
    for (int pattern = 0; pattern < 128; ++pattern) {
      std::vector<Scored> first, second;
      for (std::size_t i = 0; i < truth.size(); ++i) {
        const bool swap = (pattern >> (i / 2) & 1) != 0;
        first.push_back({truth[i], swap ? y[i] : x[i]});
        second.push_back({truth[i], swap ? x[i] : y[i]});
      }
      const double d = std::abs(metric_value(metric, task, first) - metric_value(metric, task, second));
      if (pattern == 0) observed = d;
      extreme += !(d < observed - 1e-9 * (1 + observed));
    }
    EXPECT_DOUBLE_EQ(c.p, extreme / 128.0) << metric;
    // Random swaps come close: within four standard deviations.
    Resampling random = resampling;
    random.permutations = 63;  // fewer than there are, also where a family's swap changes nothing
    double sum = 0;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      random.seed = seed;
      const Comparison drawn = compare(models.a, models.b, metric, task, random);
      EXPECT_FALSE(drawn.is_exact);
      sum += drawn.p / 40;
    }
    EXPECT_NEAR(sum, c.p, 4 * std::sqrt(c.p * (1 - c.p) / (40 * 63)) + 1.0 / 64) << metric;
  }
}

// The bootstrap over families in plain loops: drawn families bring all their members.
TEST(Paired, FamiliesAreDrawnWhole) {
  const TwoModels models = equal_models(24, 5, Task::kRegression, 1, 3);
  const Resampling resampling{.seed = 9, .resamples = 300, .permutations = 1, .blocks = models.families};
  const Comparison c = compare(models.a, models.b, "mae", Task::kRegression, resampling);
  std::vector<double> differences;
  for (int i = 0; i < resampling.resamples; ++i) {
    Philox random(9, 0x9a1d, static_cast<std::uint64_t>(i));
    double sum = 0;
    for (int family = 0; family < 8; ++family) {
      const std::uint64_t drawn = random.below(8);
      for (const auto& [id, one] : models.a.at(1))
        if (models.families.at(id) == fmt::format("f{}", drawn))
          sum += (std::abs(one.score - one.truth) - std::abs(models.b.at(1).at(id).score - one.truth)) / 24;
    }
    differences.push_back(sum);
  }
  std::ranges::sort(differences);
  const auto at = [&](double q) {  // linear between neighbours
    const double position = q * 299;
    const auto low = static_cast<std::size_t>(position);
    return differences[low] + (position - static_cast<double>(low)) * (differences[low + 1] - differences[low]);
  };
  EXPECT_NEAR(c.difference.low, at(0.025), 1e-12);
  EXPECT_NEAR(c.difference.high, at(0.975), 1e-12);
  // Relatives are no more people: the interval over families is wider than one over members as if they were alone.
  Resampling alone = resampling;
  alone.blocks.clear();
  EXPECT_EQ(compare(models.a, models.b, "mae", Task::kRegression, alone).difference.blocks, 24u);
}

TEST(Paired, SeedsAreSwappedTogetherAndDeLongIsTheirs) {
  TwoModels models = equal_models(40, 3, Task::kClassification, 1);
  const Resampling resampling{.seed = 1, .resamples = 1, .permutations = 400};
  const Comparison one = compare(models.a, models.b, "auroc", Task::kClassification, resampling);
  // The same predictions under a second seed say nothing new.
  models.a[2] = models.a[1];
  models.b[2] = models.b[1];
  const Comparison two = compare(models.a, models.b, "auroc", Task::kClassification, resampling);
  EXPECT_EQ(two.repeats, 2u);
  EXPECT_DOUBLE_EQ(two.p, one.p);
  EXPECT_NEAR(two.p_delong, one.p_delong, 1e-12);
  EXPECT_TRUE(std::isfinite(one.p_delong));
  models.a[2].erase("sub-003");
  models.b[2].erase("sub-003");
  EXPECT_TRUE(std::isnan(compare(models.a, models.b, "auroc", Task::kClassification, resampling).p_delong))
      << "other people in the second";
}

TEST(Paired, IsAFunctionOfTheSeed) {
  const Repeats model{{1, noisy(50, 1, 5)}};
  const auto low = [&](std::uint64_t seed) {
    return estimate(model, "r2", Task::kRegression, {.seed = seed, .resamples = 100, .permutations = 1}).low;
  };
  EXPECT_EQ(low(1), low(1));
  EXPECT_NE(low(1), low(2));
}

}  // namespace
}  // namespace brainmt::analysis

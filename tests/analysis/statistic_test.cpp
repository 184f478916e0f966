// Metrics in linear time, DeLong's test and Holm's correction against plain loops and numbers worked out by hand.
#include "analysis/statistic.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>

#include "analysis/paired.hpp"
#include "analysis/roc_test.hpp"
#include "base/error.hpp"
#include "base/philox.hpp"
#include "support/expect_error.hpp"
#include "task/metrics.hpp"

namespace brainmt::analysis {
namespace {

using task::Task;

struct Drawn {
  std::vector<double> truth, a, b;
  std::vector<std::size_t> family;
};

// Classes, and two scores of some skill and a common part. `steps` > 0 makes ties.
Drawn draw(std::size_t n, std::uint64_t seed, double steps, std::size_t per_family = 1) {
  Drawn drawn;
  for (std::size_t i = 0; i < n; ++i) {
    Philox random(seed, 1, i), of_family(seed, 2, i / per_family);
    const double shared = of_family.normal();
    const double y = random.uniform() < 0.45 ? 1.0 : 0.0, common = random.normal() + shared;
    const auto rounded = [&](double v) { return steps > 0 ? std::round(v * steps) / steps : v; };
    drawn.truth.push_back(y);
    drawn.a.push_back(rounded(0.8 * y + common + random.normal()));
    drawn.b.push_back(rounded(0.8 * y + common + random.normal()));
    drawn.family.push_back(i / per_family);
  }
  return drawn;
}

TEST(Statistic, MidranksAreMeansOverTies) {
  for (const double steps : {0.0, 2.0}) {
    const std::vector<double> values = draw(60, 5, steps).a;
    const std::vector<double> ranks = midranks(values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      double below = 0, equal = 0;
      for (const double other : values) below += other < values[i], equal += other == values[i];
      EXPECT_EQ(ranks[i], below + 0.5 * (equal + 1));
    }
  }
}

// People drawn several times, as the bootstrap does.
TEST(Statistic, ResampledMetricsAreThoseOfTheReports) {
  const Drawn all = draw(50, 9, 3);
  std::vector<std::size_t> people;
  Philox random(4, 4);
  for (std::size_t i = 0; i < 50; ++i) people.push_back(random.below(50));
  const auto of = [&](const std::vector<double>& values) {
    std::vector<double> some;
    for (const std::size_t person : people) some.push_back(values[person]);
    return some;
  };
  const auto classes = task::classification_metrics(of(all.truth), of(all.a), 0.0);
  const auto values = task::regression_metrics(of(all.b), of(all.a));
  const auto value = [&](const char* metric, Task task, const std::vector<double>& truth) {
    const Statistic statistic(metric, task);
    return statistic.value(of(truth), of(statistic.prepared(all.a)));
  };
  EXPECT_EQ(value("auroc", Task::kClassification, all.truth), classes.auroc);
  EXPECT_EQ(value("accuracy", Task::kClassification, all.truth), classes.accuracy);
  EXPECT_EQ(value("balanced_accuracy", Task::kClassification, all.truth), classes.balanced_accuracy);
  EXPECT_EQ(value("f1", Task::kClassification, all.truth), classes.f1);
  EXPECT_EQ(value("pearson_r", Task::kRegression, all.b), values.pearson_r);
  EXPECT_EQ(value("r2", Task::kRegression, all.b), values.r2);
  EXPECT_EQ(value("mae", Task::kRegression, all.b), values.mae);
  EXPECT_EQ(value("mse", Task::kRegression, all.b), values.mse);
  const Statistic auroc("auroc", Task::kClassification);
  EXPECT_TRUE(std::isnan(auroc.value(std::vector<double>{1, 1}, std::vector<double>{2, 4}))) << "one class";
  EXPECT_TRUE(std::isnan(auroc.value({}, {})));
  const std::vector<double> broken{0.5, NAN};
  EXPECT_TRUE(std::isnan(auroc.value(std::vector<double>{0, 1}, auroc.prepared(broken))));
  test::expect_error<UsageError>([] { Statistic("mae", Task::kClassification); }, {"metric=mae", "auroc"});
}

// The formulas of the header as double loops over pairs of people.
RocTest oracle(const Drawn& d) {
  double m = 0, n = 0;
  for (const double y : d.truth) ++(y == 1 ? m : n);
  const auto psi = [](double x, double y) { return x > y ? 1.0 : x == y ? 0.5 : 0.0; };
  std::vector<double> difference(d.truth.size());
  RocTest test;
  for (std::size_t i = 0; i < d.truth.size(); ++i)
    for (std::size_t j = 0; j < d.truth.size(); ++j) {
      if (d.truth[i] != 1 || d.truth[j] != 0) continue;
      const double a = psi(d.a[i], d.a[j]), b = psi(d.b[i], d.b[j]);
      test.auroc_a += a / (m * n);
      test.auroc_b += b / (m * n);
      difference[i] += (a - b) / n;
      difference[j] += (a - b) / m;
    }
  test.difference = test.auroc_a - test.auroc_b;
  std::map<std::size_t, std::array<double, 2>> sums, people;
  for (std::size_t i = 0; i < d.truth.size(); ++i) {
    const std::size_t family = d.family.empty() ? i : d.family[i], c = d.truth[i] == 1;
    sums[family][c] += difference[i] - test.difference;
    people[family][c] += 1;
  }
  double xx = 0, yy = 0, xy = 0, with_x = 0, with_y = 0;
  const auto all = static_cast<double>(sums.size());
  for (const auto& [family, sum] : sums) {
    xx += sum[1] * sum[1];
    yy += sum[0] * sum[0];
    xy += sum[1] * sum[0];
    with_x += people[family][1] > 0;
    with_y += people[family][0] > 0;
  }
  const double variance =
      with_x / (with_x - 1) * xx / (m * m) + with_y / (with_y - 1) * yy / (n * n) + 2 * all / (all - 1) * xy / (m * n);
  test.standard_error = std::sqrt(variance);
  test.p = std::erfc(std::abs(test.difference) / test.standard_error / std::sqrt(2.0));
  return test;
}

// Positives 0.9, 0.4 and negatives 0.5, 0.3, 0.1 against 0.6, 0.6 and 0.6, 0.7, 0.2. The differences of placements are
// 1/2, 1/6 and 0, 1, 0, so d = 1/3 and var = (1/18) / 2 + (2/3) / 6 = 5/36.
TEST(DeLong, IsWhatIsWorkedOutByHand) {
  const RocTest test = delong(std::vector<double>{1, 1, 0, 0, 0}, std::vector<double>{0.9, 0.4, 0.5, 0.3, 0.1},
                              std::vector<double>{0.6, 0.6, 0.6, 0.7, 0.2});
  EXPECT_DOUBLE_EQ(test.auroc_a, 5.0 / 6);
  EXPECT_DOUBLE_EQ(test.auroc_b, 0.5);
  EXPECT_NEAR(test.standard_error, std::sqrt(5.0) / 6, 1e-15);
  EXPECT_NEAR(test.p, 0.37109336952269756, 1e-14);  // 2 (1 - Phi(2 / sqrt(5)))
}

TEST(DeLong, EqualsTheDoubleLoop) {
  for (const double steps : {0.0, 1.0, 3.0})
    for (const std::size_t per_family : {std::size_t{1}, std::size_t{2}, std::size_t{5}}) {
      const Drawn d = draw(70, 21, steps, per_family);
      const RocTest test = delong(d.truth, d.a, d.b, d.family), expected = oracle(d);
      const double tolerance = 70 * 2.3e-16 * 10;  // sums of 70 terms of about one
      EXPECT_NEAR(test.auroc_a, expected.auroc_a, tolerance);
      EXPECT_NEAR(test.auroc_b, expected.auroc_b, tolerance);
      EXPECT_NEAR(test.standard_error, expected.standard_error, tolerance);
      EXPECT_NEAR(test.p, expected.p, 100 * tolerance);
    }
}

TEST(DeLong, EverybodyAloneNeedsNoFamilies) {
  const Drawn d = draw(40, 3, 2);
  EXPECT_EQ(delong(d.truth, d.a, d.b, d.family).p, delong(d.truth, d.a, d.b).p);
  EXPECT_EQ(delong(d.truth, d.a, d.a).p, 1) << "a model against itself";
  EXPECT_TRUE(std::isnan(delong(std::vector<double>{1, 1}, std::vector<double>{1, 2}, std::vector<double>{2, 1}).p));
  // Everything right against a constant: no variance to judge by.
  const std::vector<double> truth{0, 0, 1, 1}, right{0, 1, 2, 3}, constant(4, 1.0);
  EXPECT_TRUE(std::isnan(delong(truth, right, constant).p));
}

// 5 % of the p-values of equal models fall below 0.05, within four standard deviations, also where families share most
// of their scores; as if they were alone, far more would where the classes are those of families.
TEST(DeLong, FalsePositivesOfEqualModels) {
  constexpr int kTrials = 400;
  for (const std::size_t per_family : {std::size_t{1}, std::size_t{3}}) {
    int small = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      const Drawn d = draw(90, 1000 + static_cast<std::uint64_t>(trial), 0, per_family);
      small += delong(d.truth, d.a, d.b, d.family).p < 0.05;
    }
    EXPECT_NEAR(small, 0.05 * kTrials, 4 * std::sqrt(kTrials * 0.05 * 0.95)) << per_family;
  }
}

TEST(Holm, StepsDownThroughTheSortedPValues) {
  // Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, never falling.
  const std::vector<double> adjusted = holm(std::vector<double>{0.03, 0.01, NAN, 0.04, 0.02});
  EXPECT_DOUBLE_EQ(adjusted[1], 0.04);
  EXPECT_DOUBLE_EQ(adjusted[4], 0.06);
  EXPECT_DOUBLE_EQ(adjusted[0], 0.06);
  EXPECT_DOUBLE_EQ(adjusted[3], 0.06);
  EXPECT_TRUE(std::isnan(adjusted[2]));
  EXPECT_EQ(holm(std::vector<double>{0.8, 0.9}), (std::vector<double>{1, 1}));
  EXPECT_TRUE(holm({}).empty());
}

}  // namespace
}  // namespace brainmt::analysis

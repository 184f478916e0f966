#include "baselines/nested.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/philox.hpp"
#include "baselines/kernel_fit.hpp"
#include "linalg/products.hpp"
#include "support/expect_error.hpp"

namespace brainmt::baselines {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

// People with features and a target that depends on the first five.
struct Example {
  std::size_t people, edges;
  std::vector<float> x;
  std::vector<double> y, classes;

  Example(std::size_t people, std::size_t edges, std::uint64_t seed = 3) : people(people), edges(edges) {
    Philox random(seed, 1, 2);
    for (std::size_t i = 0; i < people * edges; ++i) x.push_back(static_cast<float>(random.normal()));
    for (std::size_t i = 0; i < people; ++i) {
      double sum = 100 + random.normal();
      for (std::size_t e = 0; e < 5; ++e) sum += 0.7 * x[i * edges + e];
      y.push_back(sum);
      classes.push_back(sum > 100 ? 1.0 : 0.0);
    }
  }
  EdgeMatrix matrix() const { return MatrixView<const float>{x.data(), edges, people, edges}; }
  Rows first(std::size_t count) const {
    Rows rows(count);
    for (std::size_t i = 0; i < count; ++i) rows[i] = i;
    return rows;
  }
  std::vector<double> of(const std::vector<double>& all, std::size_t count) const {
    return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)};
  }
};

InnerFolds in_turn(std::size_t people, int count) {
  InnerFolds folds{.fold = {}, .count = count};
  for (std::size_t i = 0; i < people; ++i) folds.fold.push_back(static_cast<int>(i) % count);
  return folds;
}

std::vector<task::Participant> families(std::size_t people, std::size_t size) {
  std::vector<task::Participant> all;
  for (std::size_t i = 0; i < people; ++i)
    all.push_back({fmt::format("p{:03}", i), static_cast<double>(i % 2), fmt::format("f{:03}", i / size)});
  return all;
}

TEST(InnerFolds, KeepFamiliesWholeAndAreOfEqualSize) {
  const auto people = families(90, 3);
  std::vector<std::string> warnings;
  const InnerFolds folds = inner_folds(people, 5, 42, task::Stratify::kClasses, warnings);
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(folds.count, 5);
  std::map<std::string, std::set<int>> of_family;
  std::vector<std::size_t> sizes(5);
  for (std::size_t i = 0; i < people.size(); ++i) {
    ASSERT_GE(folds.fold[i], 0);
    of_family[people[i].group].insert(folds.fold[i]);
    ++sizes[static_cast<std::size_t>(folds.fold[i])];
  }
  for (const auto& [family, found] : of_family) EXPECT_EQ(found.size(), 1u) << family;
  for (const std::size_t size : sizes) EXPECT_EQ(size, 18u);
}

TEST(InnerFolds, AreFewerWithAWarningWhereFamiliesAreFew) {
  std::vector<std::string> warnings;
  EXPECT_EQ(inner_folds(families(42, 6), 5, 42, task::Stratify::kClasses, warnings).count, 3);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("7 families"), std::string::npos) << warnings[0];
  test::expect_error<DataError>([&] { inner_folds(families(18, 6), 5, 42, task::Stratify::kClasses, warnings); },
                                {"baseline.folds=5", "3 families"});
}

TEST(InnerFolds, PeopleWithoutFamiliesAreNotCalledFamilies) {
  auto people = families(3, 1);
  for (auto& person : people) person.group.clear();
  std::vector<std::string> warnings;
  try {
    inner_folds(people, 5, 42, task::Stratify::kClasses, warnings);
    ADD_FAILURE() << "three people make no two folds";
  } catch (const DataError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("3 training people are too few"), std::string::npos) << message;
    EXPECT_EQ(message.find("famil"), std::string::npos) << message;
  }
}

TEST(InnerFolds, OneClassLeftToTrainOnIsRefused) {
  auto people = families(40, 1);
  for (auto& person : people) person.target = 0;
  people[7].target = 1;
  std::vector<std::string> warnings;
  test::expect_error<DataError>([&] { inner_folds(people, 5, 42, task::Stratify::kClasses, warnings); },
                                {"both classes"});
}

TEST(EdgeStatistics, ManyMissingValuesDropAnEdgeAndFewCountAsItsMean) {
  Example example(40, 6);
  for (std::size_t i = 0; i < 5; ++i) example.x[i * 6 + 1] = kMissing;  // 5 of 40: more than 10 %
  for (std::size_t i = 0; i < 4; ++i) example.x[i * 6 + 2] = kMissing;  // 4 of 40: 10 %
  for (std::size_t i = 0; i < 40; ++i) example.x[i * 6 + 3] = 0.25F;
  const EdgeMatrix x = example.matrix();
  const EdgeStatistics s = statistics_of(x, example.first(40));
  EXPECT_EQ(s.dropped(), 1u);
  EXPECT_EQ(s.kept[1], 0);
  EXPECT_EQ(s.constant(), 1u);
  EXPECT_EQ(s.filled(), 4u);
  double mean = 0, squares = 0;
  for (std::size_t i = 4; i < 40; ++i) mean += example.x[i * 6 + 2] / 36.0;
  for (std::size_t i = 4; i < 40; ++i) squares += std::pow(example.x[i * 6 + 2] - mean, 2);
  EXPECT_NEAR(s.mean[2], mean, 1e-12);
  EXPECT_NEAR(s.sd[2], std::sqrt(squares / 40), 1e-12);
  const Design design(x, Design::Kind::kStandardised, example.first(40));
  linalg::Matrix z(1, 6);
  design.block(std::vector<std::size_t>{0}, 0, z.view());
  EXPECT_EQ(z(0, 1), 0.0);
  EXPECT_EQ(z(0, 2), 0.0);
  EXPECT_EQ(z(0, 3), 0.0);
  EXPECT_NEAR(z(0, 0), (example.x[0] - s.mean[0]) / s.sd[0], 1e-12);
}

TEST(Design, UnitRowsGiveThePearsonCorrelationOfTwoPeople) {
  const Example example(8, 700);
  const EdgeMatrix x = example.matrix();
  const linalg::Matrix k = Design(x, Design::Kind::kUnitRows, example.first(8)).gram(example.first(8));
  const auto mean_of = [&](std::size_t i) {
    double mean = 0;
    for (std::size_t e = 0; e < 700; ++e) mean += example.x[i * 700 + e] / 700.0;
    return mean;
  };
  double ab = 0, aa = 0, bb = 0;
  const double a = mean_of(2), b = mean_of(5);
  for (std::size_t e = 0; e < 700; ++e) {
    const double da = example.x[2 * 700 + e] - a, db = example.x[5 * 700 + e] - b;
    ab += da * db, aa += da * da, bb += db * db;
  }
  EXPECT_NEAR(k(2, 5), ab / std::sqrt(aa * bb), 1e-12);
  EXPECT_NEAR(k(3, 3), 1.0, 1e-12);
}

TEST(Design, BlocksDoNotChangeProducts) {
  const Example example(300, 1100);
  const EdgeMatrix x = example.matrix();
  const Rows rows = example.first(300);
  const Design design(x, Design::Kind::kStandardised, rows);
  linalg::Matrix whole(300, 1100), w(1100, 2);
  design.block(rows, 0, whole.view());
  Philox random(1, 2, 3);
  for (double& value : w.values) value = random.normal();
  const linalg::Matrix expected = linalg::matmul(whole, w), found = design.times(rows, w);
  for (std::size_t i = 0; i < expected.values.size(); ++i) EXPECT_NEAR(found.values[i], expected.values[i], 1e-9);
  const linalg::Matrix back = linalg::matmul(whole.view(), linalg::Op::kTranspose, expected.view(), linalg::Op::kNone);
  const linalg::Matrix found_back = design.transposed_times(rows, expected);
  for (std::size_t i = 0; i < back.values.size(); ++i) EXPECT_NEAR(found_back.values[i], back.values[i], 1e-7);
}

// At the solution the gradient of the penalised loss vanishes: an independent condition on the answer.
TEST(FitLogistic, EndsWhereTheGradientVanishes) {
  const Example example(80, 300);
  const EdgeMatrix x = example.matrix();
  const Rows rows = example.first(80);
  const Design design(x, Design::Kind::kStandardised, rows);
  for (const double lambda : {0.03, 3.0, 300.0, 3e4}) {
    const linalg::Matrix k = design.gram(rows);
    const auto fit = fit_logistic(k, example.classes, lambda);
    ASSERT_TRUE(fit.has_value()) << lambda;
    double sum = 0;
    for (std::size_t i = 0; i < 80; ++i) {
      double f = fit->intercept;
      for (std::size_t j = 0; j < 80; ++j) f += k(i, j) * fit->a[j];
      const double residual = example.classes[i] - 1 / (1 + std::exp(-f));
      EXPECT_NEAR(lambda * fit->a[i], residual, 1e-8) << lambda;
      sum += residual;
    }
    EXPECT_NEAR(sum, 0, 1e-7) << lambda;
  }
}

TEST(FitLogistic, StartingFromAnotherLambdaGivesTheSameFit) {
  const Example example(60, 200);
  const EdgeMatrix x = example.matrix();
  const linalg::Matrix k = Design(x, Design::Kind::kStandardised, example.first(60)).gram(example.first(60));
  const auto far = fit_logistic(k, example.classes, 1e4), cold = fit_logistic(k, example.classes, 2.0);
  const auto warm = fit_logistic(k, example.classes, 2.0, &*far);
  ASSERT_TRUE(cold && warm);
  EXPECT_NEAR(warm->intercept, cold->intercept, 1e-8);
  for (std::size_t i = 0; i < 60; ++i) EXPECT_NEAR(warm->a[i], cold->a[i], 1e-8);
}

// Few columns are solved in their own space: the same model as in that of the people.
TEST(NestedFit, FewColumnsGiveWhatTheKernelGives) {
  const Example example(70, 20);
  const EdgeMatrix x = example.matrix();
  const Rows rows = example.first(70);
  const Design design(x, Design::Kind::kStandardised, rows);
  const linalg::Matrix k = design.gram(rows);
  for (const bool classes : {false, true}) {
    const std::vector<double>& y = classes ? example.classes : example.y;
    NestedFit nested(x, classes ? Method::kLogistic : Method::kRidge, rows, y);
    const auto few = nested.fit(5.0);
    const auto kernel = classes ? fit_logistic(k, y, 5.0) : fit_ridge(k, y, 5.0);
    ASSERT_TRUE(few && kernel);
    EXPECT_NEAR(few->intercept, kernel->intercept, 1e-7);
    linalg::Matrix a(70, 1);
    std::ranges::copy(kernel->a, a.values.begin());
    const linalg::Matrix weight = design.transposed_times(rows, a);
    for (std::size_t e = 0; e < 20; ++e) EXPECT_NEAR(few->weight[e], weight(e, 0), 1e-7) << e;
  }
}

// Everything outside the training rows is changed: fitted numbers keep their bits.
TEST(NestedFit, OtherPeopleDoNotChangeTheFit) {
  for (const Method method : {Method::kRidge, Method::kKernelRidge, Method::kLogistic}) {
    Example example(90, 150);
    example.x[3] = kMissing;
    const auto fitted = [&] {
      const EdgeMatrix x = example.matrix();
      NestedFit nested(x, method, example.first(60),
                       example.of(method == Method::kLogistic ? example.classes : example.y, 60));
      const Choice choice = nested.choose(in_turn(60, 5), {1.0, 10.0, 100.0});
      auto numbers = nested.fit(choice.lambda[choice.best])->weight;
      numbers.insert(numbers.end(), choice.error.begin(), choice.error.end());
      const EdgeStatistics& s = nested.design().statistics();
      numbers.insert(numbers.end(), s.mean.begin(), s.mean.end());
      numbers.insert(numbers.end(), s.sd.begin(), s.sd.end());
      return numbers;
    };
    const auto before = fitted();
    for (std::size_t i = 60 * 150; i < example.x.size(); ++i) example.x[i] = i % 7 == 0 ? kMissing : 1e3F;
    for (std::size_t i = 60; i < 90; ++i) example.y[i] = -1e6, example.classes[i] = 1 - example.classes[i];
    EXPECT_EQ(fitted(), before);
  }
}

// A person's own fold does not see that person.
TEST(NestedFit, HeldOutPredictionsAreOfModelsWithoutTheirPeople) {
  for (const Method method : {Method::kRidge, Method::kLogistic}) {
    Example example(60, 100);
    const auto y = example.of(method == Method::kLogistic ? example.classes : example.y, 60);
    const EdgeMatrix x = example.matrix();
    const Choice choice = NestedFit(x, method, example.first(60), y).choose(in_turn(60, 3), {30.0});
    Rows inner;
    std::vector<double> inner_y;
    for (std::size_t i = 0; i < 60; ++i)
      if (i % 3 != 1) inner.push_back(i), inner_y.push_back(y[i]);
    NestedFit alone(x, method, inner, inner_y);
    const auto predicted = predict(alone.design(), *alone.fit(30.0), {1, 4, 58});
    EXPECT_NEAR(choice.held_out(1, 0), predicted[0], 1e-9);
    EXPECT_NEAR(choice.held_out(4, 0), predicted[1], 1e-9);
    EXPECT_NEAR(choice.held_out(58, 0), predicted[2], 1e-9);
  }
}

TEST(NestedFit, OfEqualErrorsTheLargerLambdaIsChosen) {
  Example example(30, 100);
  std::ranges::fill(example.x, 0.5F);  // nothing varies: every lambda predicts the mean
  const EdgeMatrix x = example.matrix();
  NestedFit nested(x, Method::kRidge, example.first(30), example.y);
  const Choice choice = nested.choose(in_turn(30, 3), {5.0, 500.0, 50.0});
  EXPECT_EQ(choice.best, 1u);
  EXPECT_EQ(nested.used_edges(), 0u);
}

TEST(NestedFit, NoUsableLambdaIsRefused) {
  const Example example(30, 100);
  const EdgeMatrix x = example.matrix();
  NestedFit nested(x, Method::kKernelRidge, example.first(30), example.y);
  test::expect_error<DataError>([&] { nested.choose(in_turn(30, 3), {0.0}); }, {"baseline.lambda"});
}

TEST(BestThreshold, HasTheMostCorrectClassesNearestToOneHalf) {
  EXPECT_DOUBLE_EQ(best_threshold({0.1, 0.2, 0.8, 0.9}, {0, 0, 1, 1}), 0.5);
  EXPECT_DOUBLE_EQ(best_threshold({0.1, 0.2, 0.3, 0.4}, {0, 0, 1, 1}), 0.3);
  const double above = best_threshold({0.6, 0.7, 0.8, 0.9}, {0, 0, 1, 1});
  EXPECT_GT(above, 0.7);
  EXPECT_LE(above, 0.8);
  EXPECT_GT(best_threshold({0.6, 0.7}, {0, 0}), 0.7);
}

TEST(HaufePatterns, AreTheCovarianceOfEdgeAndPrediction) {
  const Example example(500, 300);
  const EdgeMatrix x = example.matrix();
  const Rows rows = example.first(400);
  linalg::Matrix prediction(400, 1);
  double mean = 0, edge = 0;
  for (std::size_t i = 0; i < 400; ++i) {
    prediction(i, 0) = example.y[i];
    mean += example.y[i] / 400;
    edge += example.x[i * 300 + 299] / 400.0;
  }
  double covariance = 0;
  for (std::size_t i = 0; i < 400; ++i) covariance += (example.x[i * 300 + 299] - edge) * (example.y[i] - mean) / 400;
  const linalg::Matrix pattern = haufe_patterns(x, statistics_of(x, rows), rows, prediction);
  EXPECT_NEAR(pattern(299, 0), covariance, 1e-10);
  EXPECT_GT(pattern(0, 0), 0.3);
}

TEST(NestedFit, GivesTheSameBitsOnOneAndTwoThreads) {
  const Example example(300, 1500);
  const EdgeMatrix x = example.matrix();
  for (const Method method : {Method::kRidge, Method::kKernelRidge}) {
    const int before = omp_get_max_threads();
    omp_set_num_threads(1);
    const auto one = NestedFit(x, method, example.first(300), example.y).fit(3.0)->weight;
    omp_set_num_threads(2);
    const auto two = NestedFit(x, method, example.first(300), example.y).fit(3.0)->weight;
    omp_set_num_threads(before);
    EXPECT_EQ(one, two);
  }
}

}  // namespace
}  // namespace brainmt::baselines

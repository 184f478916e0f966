// XGBoost where this build has it; its refusal where not.
#include "baselines/boosted.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "baselines/kernel_fit.hpp"
#include "baselines/synthetic_connectivity.hpp"
#include "support/expect_error.hpp"

namespace brainmt::baselines {
namespace {

struct Example {
  test::SyntheticConnectivity data = test::make_connectivity(300, 16, 60, 8, 0.6, 5);
  Labelled train, validation;
  Rows rest;

  Example() {
    for (std::size_t i = 0; i < data.people; ++i) {
      if (i >= 200) {
        rest.push_back(i);
        continue;
      }
      Labelled& to = i < 150 ? train : validation;
      to.rows.push_back(i);
      to.y.push_back(data.label[i]);
    }
  }
  MatrixView<const float> x() const { return {data.values.data(), data.edges, data.people, data.edges}; }
  BoostedFit fit(const BoostedSettings& settings, int threads = 1, bool classes = true) const {
    return fit_boosted(x(), train, validation, rest, classes, settings, threads);
  }
};

const BoostedSettings kSmall{.depth = {3}, .eta = {0.1}, .lambda = {1, 10}, .rounds = 60, .patience = 10, .seed = 7};

TEST(Boosted, ABuildWithoutXgboostSaysWhatToDo) {
  EXPECT_EQ(has_xgboost(), !xgboost_version().empty());
  if (has_xgboost()) return;
  const Example example;
  test::expect_error<UsageError>([&] { example.fit(kSmall); }, {"libxgboost-dev", "BRAINMT_WITH_XGBOOST"});
}

TEST(Boosted, OneAndTwoThreadsGiveTheSameModelFile) {
  if (!has_xgboost()) GTEST_SKIP() << "this build has no XGBoost";
  const Example example;
  const BoostedFit one = example.fit(kSmall, 1), two = example.fit(kSmall, 2);
  EXPECT_EQ(one.model, two.model);
  EXPECT_EQ(one.output, two.output);
}

TEST(Boosted, StartsAtTheTrainingMean) {
  if (!has_xgboost()) GTEST_SKIP() << "this build has no XGBoost";
  Example example;
  BoostedSettings settings = kSmall;
  settings.eta = {1e-6};
  settings.lambda = {1};
  settings.rounds = 1;
  double mean = 0;
  for (const double y : example.train.y) mean += y / 150;
  EXPECT_NEAR(example.fit(settings).output.at(0), std::log(mean / (1 - mean)), 1e-4);
  for (double& y : example.train.y) y = 100 + 5 * y;
  for (double& y : example.validation.y) y = 100 + 5 * y;
  EXPECT_NEAR(example.fit(settings, 1, /*classes=*/false).output.at(0), 100 + 5 * mean, 1e-3);
}

TEST(Boosted, KeepsTheTreesUpToTheLowestValidationLoss) {
  if (!has_xgboost()) GTEST_SKIP() << "this build has no XGBoost";
  const Example example;
  BoostedSettings settings = kSmall;
  settings.eta = {0.5};
  settings.depth = {6};
  settings.lambda = {1};
  settings.rounds = 200;
  const BoostedFit fit = example.fit(settings);
  const auto model = nlohmann::json::parse(fit.model);
  const auto& trees = model["learner"]["gradient_booster"]["model"]["trees"];
  EXPECT_LT(fit.grid[0].rounds, 200);
  EXPECT_EQ(static_cast<int>(trees.size()), fit.grid[0].rounds);
  const BoostedFit again =
      fit_boosted(example.x(), example.train, example.validation, example.validation.rows, true, settings, 1);
  double error = 0;
  for (std::size_t i = 0; i < 50; ++i) error += log_loss(again.output[i], example.validation.y[i]) / 50;
  EXPECT_NEAR(error, fit.grid[0].error, 1e-5);
}

TEST(Boosted, TheGridIsDecidedOnValidationPeople) {
  if (!has_xgboost()) GTEST_SKIP() << "this build has no XGBoost";
  const Example example;
  BoostedSettings settings = kSmall;
  settings.depth = {1, 3};
  const BoostedFit fit = example.fit(settings);
  ASSERT_EQ(fit.grid.size(), 4u);
  for (const GridPoint& point : fit.grid) EXPECT_GE(point.error, fit.grid[fit.best].error);
  double gain = 0;
  for (const double value : fit.gain) gain += std::isnan(value) ? 0 : value;
  EXPECT_GT(gain, 0);
}

TEST(Boosted, OtherPeopleDoNotChangeTheModel) {
  if (!has_xgboost()) GTEST_SKIP() << "this build has no XGBoost";
  Example example;
  const std::string before = example.fit(kSmall).model;
  for (std::size_t i = 200 * example.data.edges; i < example.data.values.size(); ++i)
    example.data.values[i] = i % 5 == 0 ? std::numeric_limits<float>::quiet_NaN() : 1e3F;
  EXPECT_EQ(example.fit(kSmall).model, before);
}

}  // namespace
}  // namespace brainmt::baselines

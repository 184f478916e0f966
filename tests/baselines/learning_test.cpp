// A planted difference in connectivity is found on people that no fit has seen; shuffled labels give chance.
#include <gtest/gtest.h>

#include "baselines/boosted.hpp"
#include "baselines/nested.hpp"
#include "baselines/synthetic_connectivity.hpp"
#include "task/metrics.hpp"
#include "task/shuffle.hpp"

namespace brainmt::baselines {
namespace {

constexpr std::size_t kPeople = 500, kTested = 150, kRegions = 32, kFrames = 120, kCoupled = 24;
constexpr double kStrength = 0.35;
constexpr std::uint64_t kSeed = 20;

struct Example {
  test::SyntheticConnectivity data = test::make_connectivity(kPeople, kRegions, kFrames, kCoupled, kStrength, kSeed);
  Rows train, test;

  Example() {
    for (std::size_t i = 0; i < kPeople; ++i) (i < kPeople - kTested ? train : test).push_back(i);
  }
  void shuffle_training_labels() {
    std::vector<double> labels(data.label.begin(), data.label.begin() + std::ssize(train));
    task::shuffle(labels, Philox(kSeed, 1));
    std::ranges::copy(labels, data.label.begin());
  }
  MatrixView<const float> x() const { return {data.values.data(), data.edges, data.people, data.edges}; }
  std::vector<double> labels_of(const Rows& rows) const {
    std::vector<double> labels;
    for (const std::size_t row : rows) labels.push_back(data.label[row]);
    return labels;
  }
  double auroc(const std::vector<double>& scores) const {
    return task::classification_metrics(labels_of(test), scores, 0.0).auroc;
  }
  double linear_auroc(Method method) const {
    const EdgeMatrix edges = x();
    std::vector<task::Participant> people;
    for (const std::size_t row : train) people.push_back({fmt::format("p{:03}", row), data.label[row]});
    std::vector<std::string> warnings;
    const InnerFolds folds = inner_folds(people, 5, kSeed, task::Stratify::kClasses, warnings);
    NestedFit nested(edges, method, train, labels_of(train));
    const Choice choice = nested.choose(folds, default_lambdas(method, nested.used_edges()));
    return auroc(predict(nested.design(), *nested.fit(choice.lambda[choice.best]), test));
  }
  double boosted_auroc() const {
    Labelled fitted, validation;
    for (const std::size_t row : train) {
      Labelled& to = row % 5 == 0 ? validation : fitted;
      to.rows.push_back(row);
      to.y.push_back(data.label[row]);
    }
    const BoostedSettings settings{.depth = {3}, .eta = {0.1}, .lambda = {1}, .rounds = 400, .seed = kSeed};
    return auroc(fit_boosted(x(), fitted, validation, test, true, settings, 1).output);
  }
};

TEST(Learning, LinearModelsFindPlantedConnectivity) {
  const Example example;
  const double logistic = example.linear_auroc(Method::kLogistic), kernel = example.linear_auroc(Method::kKernelRidge);
  RecordProperty("logistic_auroc", fmt::format("{:.4f}", logistic));
  RecordProperty("krr_auroc", fmt::format("{:.4f}", kernel));
  EXPECT_GE(logistic, 0.95);
  EXPECT_GE(kernel, 0.95);
}

TEST(Learning, TreesFindPlantedConnectivity) {
  if (!has_xgboost()) GTEST_SKIP() << "this build has no XGBoost";
  const double auroc = Example().boosted_auroc();
  RecordProperty("xgboost_auroc", fmt::format("{:.4f}", auroc));
  EXPECT_GE(auroc, 0.95);
}

TEST(Learning, ShuffledLabelsGiveChance) {
  Example example;
  example.shuffle_training_labels();
  std::vector<double> found{example.linear_auroc(Method::kLogistic), example.linear_auroc(Method::kKernelRidge)};
  if (has_xgboost()) found.push_back(example.boosted_auroc());
  for (const double auroc : found) {
    EXPECT_GE(auroc, 0.35);
    EXPECT_LE(auroc, 0.65);
  }
}

}  // namespace
}  // namespace brainmt::baselines

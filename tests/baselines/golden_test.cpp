// Ridge, kernel ridge and logistic regression against an independent solution in NumPy: inner-fold errors, the choice,
// predictions of every lambda (tests/golden/README.md). Folds and lambdas are the file's.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "baselines/golden_tables.hpp"
#include "baselines/nested.hpp"

namespace brainmt::baselines {
namespace {

using Values = std::vector<double>;

// The file as the models take it.
struct Example {
  test::GoldenTables file{"analysis_baselines"};
  Values features = file.doubles("features");
  std::size_t people = file.extent("features", 0), edges = file.extent("features", 1);
  Rows train, others;
  InnerFolds folds;

  Example() {
    const auto part = file.integers("part"), fold = file.integers("fold");
    for (std::size_t i = 0; i < people; ++i) {
      (part[i] == 0 ? train : others).push_back(i);
      if (part[i] != 0) continue;
      folds.fold.push_back(static_cast<int>(fold[i]));
      folds.count = std::max(folds.count, static_cast<int>(fold[i]) + 1);
    }
  }
  EdgeMatrix matrix() const { return MatrixView<const double>{features.data(), edges, people, edges}; }
  Values of_train(const std::string& name) const {
    const Values all = file.doubles(name);
    Values y;
    for (const std::size_t i : train) y.push_back(all[i]);
    return y;
  }
};

void expect_golden(Method method, const std::string& name, const std::string& target, const std::string& error,
                   const std::string& output, double tolerance) {
  const Example example;
  const EdgeMatrix x = example.matrix();
  const Values lambdas = example.file.doubles(name + "/lambda"), errors = example.file.doubles(name + "/" + error);
  const Values outputs = example.file.doubles(name + "/" + output);
  NestedFit nested(x, method, example.train, example.of_train(target));
  const Choice choice = nested.choose(example.folds, lambdas);
  EXPECT_EQ(static_cast<std::int64_t>(choice.best), example.file.integers(name + "/best").at(0));
  std::size_t fitted = 0;
  for (std::size_t l = 0; l < lambdas.size(); ++l) {
    const auto fit = nested.fit(lambdas[l]);
    EXPECT_EQ(fit.has_value(), lambdas[l] > 0) << lambdas[l];
    EXPECT_EQ(std::isfinite(choice.error[l]), lambdas[l] > 0) << lambdas[l];
    if (!fit) continue;
    ++fitted;
    EXPECT_NEAR(choice.error[l], errors[l], tolerance * std::abs(errors[l])) << lambdas[l];
    const Values found = predict(nested.design(), *fit, example.others);
    double scale = 1;
    for (std::size_t i = 0; i < found.size(); ++i) scale = std::max(scale, std::abs(outputs[l * found.size() + i]));
    for (std::size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], outputs[l * found.size() + i], tolerance * scale) << lambdas[l] << ", person " << i;
  }
  EXPECT_GT(fitted, 0u);
}

TEST(BaselinesGolden, RidgeOfEveryLambdaAndTheChoice) {
  expect_golden(Method::kRidge, "ridge", "target", "cv_mse", "prediction", 1e-8);
}

TEST(BaselinesGolden, KernelRidgeOfEveryLambdaAndTheChoice) {
  expect_golden(Method::kKernelRidge, "krr", "target", "cv_mse", "prediction", 1e-8);
}

TEST(BaselinesGolden, LogisticOfEveryLambdaAndTheChoice) {
  expect_golden(Method::kLogistic, "logistic", "label", "cv_loss", "logit", 1e-6);
}

TEST(BaselinesGolden, KernelRidgeCoefficientsOfTheChosenLambda) {
  const Example example;
  const EdgeMatrix x = example.matrix();
  const Values lambdas = example.file.doubles("krr/lambda"), alpha = example.file.doubles("krr/alpha");
  const double lambda = lambdas.at(static_cast<std::size_t>(example.file.integers("krr/best").at(0)));
  NestedFit nested(x, Method::kKernelRidge, example.train, example.of_train("target"));
  const auto fit = nested.fit(lambda);
  ASSERT_TRUE(fit.has_value());
  EXPECT_NEAR(fit->intercept, example.file.doubles("krr/intercept").at(0), 1e-8 * std::abs(fit->intercept));
  linalg::Matrix a(alpha.size(), 1);
  std::ranges::copy(alpha, a.values.begin());
  const linalg::Matrix weight = nested.design().transposed_times(example.train, a);
  for (std::size_t e = 0; e < example.edges; ++e) EXPECT_NEAR(fit->weight[e], weight(e, 0), 1e-8) << e;
}

TEST(BaselinesGolden, FamiliesOfTheFileStayWholeInItsFolds) {
  const Example example;
  const auto family = example.file.integers("family");
  for (std::size_t i = 0; i < example.train.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (family[example.train[i]] == family[example.train[j]]) {
        EXPECT_EQ(example.folds.fold[i], example.folds.fold[j]);
      }
}

}  // namespace
}  // namespace brainmt::baselines

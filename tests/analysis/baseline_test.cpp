#include "analysis/baseline.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/philox.hpp"
#include "support/temporary_directory.hpp"
#include "train/tiny_cohort.hpp"

namespace brainmt::analysis {
namespace {

using task::Task;
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

TEST(LinearModel, WithoutTermsIsTheMeanOrThePrevalence) {
  const std::vector<std::vector<double>> nothing(4);
  // Not {1, 1, 1, 0}: gcc 12.2 with AVX-512 and -ftree-slp-vectorize makes four ones of that constant.
  const std::vector<double> values{1, 2, 3, 6}, classes{0, 1, 1, 1};
  EXPECT_NEAR(LinearModel(nothing, values, Task::kRegression).predict({}), 3.0, 1e-8);
  EXPECT_NEAR(LinearModel(nothing, classes, Task::kClassification).predict({}), std::log(3.0), 1e-8);
}

TEST(LinearModel, FindsALine) {
  const LinearModel model({{0, 7}, {1, 7}, {2, 7}, {4, 7}}, {3, 5, 7, 11}, Task::kRegression);
  EXPECT_NEAR(model.predict({10, 7}), 23.0, 1e-6);
  EXPECT_NEAR(model.predict({10, 99}), 23.0, 1e-6);      // a constant column has no effect
  EXPECT_NEAR(model.predict({kMissing, 7}), 6.5, 1e-6);  // missing: the mean of the training split
}

TEST(LinearModel, MissingValuesOfTheTrainingPartCountAsItsMean) {
  const LinearModel model({{0}, {kMissing}, {2}}, {0, 1, 2}, Task::kRegression);
  EXPECT_NEAR(model.predict({2}), 2.0, 1e-6);
}

// The gradient of the penalised likelihood vanishes at the fit: an independent condition on the answer.
TEST(LinearModel, LogisticFitIsWhereTheGradientVanishes) {
  std::vector<std::vector<double>> x;
  std::vector<double> y;
  Philox random(1, 2, 3);
  for (int i = 0; i < 200; ++i) {
    const double a = random.normal();
    x.push_back({a});
    y.push_back(random.normal() < 1.2 * a + 0.5 ? 1 : 0);
  }
  const LinearModel model(x, y, Task::kClassification);
  double residual = 0, predicted_share = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double p = 1 / (1 + std::exp(-model.predict(x[i])));
    residual += y[i] - p;
    predicted_share += p / 200;
  }
  EXPECT_NEAR(residual, 0, 1e-5);
  EXPECT_GT(model.predict({1.0}), model.predict({-1.0}) + 2);
  EXPECT_GT(predicted_share, 0.5);
}

TEST(LinearModel, SeparableClassesStayFinite) {
  const LinearModel model({{-2}, {-1}, {1}, {2}}, {0, 0, 1, 1}, Task::kClassification);
  EXPECT_TRUE(std::isfinite(model.predict({3})));
  EXPECT_GT(model.predict({1}), 0);
  EXPECT_LT(model.predict({-1}), 0);
}

TEST(LinearModel, CopiesOfAColumnShareItsEffect) {
  const LinearModel model({{0, 0}, {1, 1}, {2, 2}}, {0, 1, 2}, Task::kRegression);
  EXPECT_NEAR(model.predict({3, 3}), 3.0, 1e-5);
}

TEST(LabelsOf, AreThoseOfTheTargetThatIsAskedFor) {
  const test::TemporaryDirectory directory;
  std::vector<double> age;
  test::write_tiny_cohort(MPI_COMM_SELF, directory / "c.h5", 9, /*second_runs=*/false, [&](io::CohortLayout& layout) {
    auto& sex = std::get<std::vector<std::string>>(layout.phenotypes[0].values);
    auto& years = std::get<std::vector<double>>(layout.phenotypes[1].values);
    sex[2].clear();
    years[5] = kMissing;
    age = years;
  });
  const io::Cohort cohort(directory / "c.h5");
  train::TrainSettings settings = test::tiny_settings(directory / "run");
  settings.task.is_multitask = true;
  settings.task.targets = {{.name = "sex", .task = Task::kClassification}, {.name = "age", .task = Task::kRegression}};
  const auto sexes = labels_of(settings.task, settings.split, settings.model.frames, cohort, "sex"),
             ages = labels_of(settings.task, settings.split, settings.model.frames, cohort, "age");
  for (int i = 0; i < 9; ++i) {
    const std::string id = fmt::format("sub-{:03}", i);
    EXPECT_EQ(sexes.contains(id), i != 2) << id;
    ASSERT_EQ(ages.contains(id), i != 5) << id;
    if (i != 5) {
      EXPECT_DOUBLE_EQ(ages.at(id), age[static_cast<std::size_t>(i)]) << id;
    }
    if (i != 2) {
      EXPECT_EQ(sexes.at(id) == sexes.at("sub-000"), i % 2 == 0) << id;
    }
  }
  EXPECT_TRUE(labels_of(settings.task, settings.split, settings.model.frames, cohort, "height").empty());
}

}  // namespace
}  // namespace brainmt::analysis

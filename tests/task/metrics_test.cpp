// Metrics against values worked out by hand or in closed form, and data for which they are not defined.
#include "task/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>

namespace brainmt::task {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
using Values = std::vector<double>;

TEST(RegressionMetrics, WorkedByHand) {
  const auto m = regression_metrics(Values{1, 2, 3, 4, 5}, Values{1.5, 1.5, 3.5, 3.0, 5.5});
  EXPECT_DOUBLE_EQ(m.mse, 2.0 / 5);
  EXPECT_DOUBLE_EQ(m.mae, 3.0 / 5);
  EXPECT_DOUBLE_EQ(m.r2, 1 - 2.0 / 10);
  const double r = 9.5 / std::sqrt(10.0 * 11.0);
  EXPECT_DOUBLE_EQ(m.pearson_r, r);
  // Student's t with 3 degrees of freedom has this distribution function.
  const double p = 1 - 2 / std::numbers::pi * (std::asin(r) + r * std::sqrt(1 - r * r));
  EXPECT_NEAR(m.pearson_p, p, 64 * kEps);
}

TEST(RegressionMetrics, PearsonPInClosedFormForFewDegreesOfFreedom) {
  for (const double r : {-0.99, -0.3, 0.0, 1e-6, 0.5, 0.9, 1.0}) {
    const double a = std::abs(r);
    EXPECT_NEAR(pearson_p_value(r, 3), 1 - 2 / std::numbers::pi * std::asin(a), 64 * kEps) << r;
    EXPECT_NEAR(pearson_p_value(r, 4), 1 - a, 64 * kEps) << r;
    EXPECT_NEAR(pearson_p_value(r, 6), 1 - a * (3 - a * a) / 2, 64 * kEps) << r;
  }
}

TEST(RegressionMetrics, UndefinedOnesAreNan) {
  const auto constant_prediction = regression_metrics(Values{1, 2, 3}, Values{0.1, 0.1, 0.1});
  EXPECT_TRUE(std::isfinite(constant_prediction.mse) && std::isfinite(constant_prediction.r2));
  EXPECT_TRUE(std::isnan(constant_prediction.pearson_r) && std::isnan(constant_prediction.pearson_p));
  const auto constant_target = regression_metrics(Values{0.1, 0.1, 0.1}, Values{1, 2, 3});
  EXPECT_TRUE(std::isnan(constant_target.r2) && std::isnan(constant_target.pearson_r));
  EXPECT_TRUE(std::isnan(regression_metrics(Values{}, Values{}).mse));
  EXPECT_TRUE(std::isnan(regression_metrics(Values{1, 2, 3}, Values{1, kNan, 3}).mae));
  EXPECT_TRUE(std::isnan(regression_metrics(Values{1, 2}, Values{2, 1}).pearson_p));
}

TEST(IncompleteBeta, ClosedForms) {
  for (const double x : {0.0, 1e-8, 0.1, 0.3, 0.5, 0.77, 0.999, 1.0}) {
    EXPECT_NEAR(incomplete_beta(1, 1, x, 1 - x), x, 16 * kEps);
    EXPECT_NEAR(incomplete_beta(7.5, 1, x, 1 - x), std::pow(x, 7.5), 64 * kEps);
    EXPECT_NEAR(incomplete_beta(1, 3.25, x, 1 - x), 1 - std::pow(1 - x, 3.25), 64 * kEps);
    double binomial_tail = 0;  // I_x(3, 5): at least 3 of 7
    for (int j = 3; j <= 7; ++j) {
      binomial_tail +=
          std::tgamma(8) / (std::tgamma(j + 1) * std::tgamma(8 - j)) * std::pow(x, j) * std::pow(1 - x, 7 - j);
    }
    EXPECT_NEAR(incomplete_beta(3, 5, x, 1 - x), binomial_tail, 64 * kEps) << x;
  }
  for (const double a : {0.5, 40.0, 5000.0}) {
    // Inside is the exponential of a sum whose terms are at most lgamma(2 a), each rounded once.
    EXPECT_NEAR(incomplete_beta(a, a, 0.5, 0.5), 0.5, (std::lgamma(2 * a) + 64) * kEps) << a;
  }
}

const Values kTruth{0, 0, 1, 1, 1, 0, 0};
const Values kScore{0.1, 0.6, 0.6, 0.9, 0.4, 0.2, 0.7};

TEST(ClassificationMetrics, WorkedByHand) {
  const auto m = classification_metrics(kTruth, kScore);
  const std::array<std::array<std::int64_t, 2>, 2> confusion{{{2, 2}, {1, 2}}};
  EXPECT_EQ(m.confusion_matrix, confusion);
  EXPECT_DOUBLE_EQ(m.accuracy, 4.0 / 7);
  EXPECT_DOUBLE_EQ(m.balanced_accuracy, (2.0 / 3 + 1.0 / 2) / 2);
  EXPECT_DOUBLE_EQ(m.precision, 2.0 / 4);
  EXPECT_DOUBLE_EQ(m.recall, 2.0 / 3);
  EXPECT_DOUBLE_EQ(m.f1, 4.0 / 7);
  EXPECT_DOUBLE_EQ(m.auroc, 8.5 / 12);  // of 12 pairs 8 in order and one tied
}

TEST(ClassificationMetrics, ThresholdMovesThePredictedClassOnly) {
  Values logits;
  for (const double p : kScore) logits.push_back(std::log(p / (1 - p)));
  const auto of_logits = classification_metrics(kTruth, logits, 0.0),
             of_probabilities = classification_metrics(kTruth, kScore);
  EXPECT_EQ(of_logits.confusion_matrix, of_probabilities.confusion_matrix);
  EXPECT_EQ(of_logits.auroc, of_probabilities.auroc);
  const auto strict = classification_metrics(kTruth, kScore, 0.95);
  EXPECT_EQ(strict.recall, 0.0);
  EXPECT_TRUE(std::isnan(strict.precision));
  EXPECT_EQ(strict.auroc, of_probabilities.auroc);
}

TEST(ClassificationMetrics, AurocOfConstantAndOfReversedScores) {
  EXPECT_EQ(classification_metrics(kTruth, Values(7, 0.5)).auroc, 0.5);
  Values reversed;
  for (const double p : kScore) reversed.push_back(1 - p);
  EXPECT_DOUBLE_EQ(classification_metrics(kTruth, reversed).auroc, 1 - 8.5 / 12);
}

TEST(ClassificationMetrics, UndefinedOnesAreNan) {
  const auto one_class = classification_metrics(Values{1, 1}, Values{0.2, 0.8});
  EXPECT_EQ(one_class.accuracy, 0.5);
  EXPECT_TRUE(std::isnan(one_class.auroc) && std::isnan(one_class.balanced_accuracy));
  EXPECT_TRUE(std::isnan(classification_metrics(Values{}, Values{}).accuracy));
  EXPECT_TRUE(std::isnan(classification_metrics(Values{0, 1}, Values{kNan, 0.5}).auroc));
}

TEST(Report, BootstrapIntervalOfAMeanIsTheNormalOne) {
  Values truth(400, 0.0), prediction(400);
  for (std::size_t i = 0; i < 400; ++i) prediction[i] = static_cast<double>(i % 2);  // mae: mean of 0 and 1
  const auto json = regression_report(truth, prediction, {.seed = 3, .resamples = 1000});
  // Standard error 0.025. The 2.5 % point of 1000 resamples has itself the standard error
  // sqrt(0.025 * 0.975 / 1000) / (normal density there, 0.0584 / 0.025) = 0.0021; four of these are allowed, and half
  // the spacing of the means (1 / 800).
  const double tolerance = 4 * 0.0021 + 1.0 / 800;
  EXPECT_NEAR(json["ci95"]["mae"][0].get<double>(), 0.5 - 1.96 * 0.025, tolerance);
  EXPECT_NEAR(json["ci95"]["mae"][1].get<double>(), 0.5 + 1.96 * 0.025, tolerance);
}

TEST(Report, DependsOnTheSeedOnly) {
  const auto first = classification_report(kTruth, kScore, 0.5, {.seed = 1});
  EXPECT_EQ(first, classification_report(kTruth, kScore, 0.5, {.seed = 1}));
  EXPECT_NE(first["ci95"], classification_report(kTruth, kScore, 0.5, {.seed = 2})["ci95"]);
  EXPECT_EQ(first["n_subjects"], 7);
  EXPECT_EQ(first["confusion_matrix"].dump(), "[[2,2],[1,2]]");
}

TEST(Report, UndefinedIsNull) {
  const auto one_class = classification_report(Values{1, 1, 1}, Values{0.9, 0.8, 0.1}, 0.5, {.resamples = 20});
  EXPECT_TRUE(one_class["auroc"].is_null());
  EXPECT_EQ(one_class["ci95"]["auroc"].dump(), "[null,null]");
  EXPECT_TRUE(one_class["accuracy"].is_number());
  const auto empty = regression_report(Values{}, Values{}, {});
  EXPECT_TRUE(empty["mse"].is_null() && empty["pearson_p"].is_null());
}

}  // namespace
}  // namespace brainmt::task

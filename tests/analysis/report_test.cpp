// metrics.json, predictions.tsv and the printed table of evaluations worked out by hand.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "analysis/hand_made.hpp"

namespace brainmt::analysis {
namespace {

TEST(MetricsOf, ClassificationScoresTheLogitAtZero) {
  const auto metrics = metrics_of(test::four_of_two_classes(), {.seed = 1, .resamples = 200});
  EXPECT_EQ(metrics["task"], "classification");
  EXPECT_EQ(metrics["target"], "sex");
  EXPECT_EQ(metrics["split"], "test");
  EXPECT_EQ(metrics["n_subjects"], 4);
  EXPECT_DOUBLE_EQ(metrics["accuracy"].get<double>(), 0.5);
  EXPECT_DOUBLE_EQ(metrics["auroc"].get<double>(), 0.75);
  EXPECT_EQ(metrics["confusion_matrix"], (nlohmann::ordered_json{{1, 1}, {1, 1}}));
  const auto interval = metrics["ci95"]["auroc"];
  EXPECT_LE(interval[0].get<double>(), 0.75);
  EXPECT_GE(interval[1].get<double>(), 0.75);
}

TEST(MetricsOf, RegressionIsInOriginalUnits) {
  const auto metrics = metrics_of(test::four_shifted_values(), {.seed = 1, .resamples = 0});
  EXPECT_DOUBLE_EQ(metrics["mse"].get<double>(), 4.0);
  EXPECT_DOUBLE_EQ(metrics["mae"].get<double>(), 2.0);
  // Total sum of squares 500, residual 16.
  EXPECT_DOUBLE_EQ(metrics["r2"].get<double>(), 1.0 - 16.0 / 500.0);
  EXPECT_DOUBLE_EQ(metrics["pearson_r"].get<double>(), 1.0);
  EXPECT_EQ(interval_text(metrics, "mse"), "") << "no resamples, no interval";
}

TEST(MetricsOf, MultitaskHasAnObjectForEachTargetOverTheSubjectsThatHaveIt) {
  const auto metrics = metrics_of(test::two_targets(), {.seed = 1, .resamples = 0});
  EXPECT_EQ(metrics["task"], "multitask");
  EXPECT_EQ(metrics["split"], "test");
  EXPECT_EQ(metrics["n_subjects"], 4);
  EXPECT_FALSE(metrics.contains("target"));
  EXPECT_EQ(metrics["targets"]["sex"]["task"], "classification");
  EXPECT_DOUBLE_EQ(metrics["targets"]["sex"]["auroc"].get<double>(), 0.75);
  EXPECT_EQ(metrics["targets"]["age"]["n_subjects"], 3);
  EXPECT_DOUBLE_EQ(metrics["targets"]["age"]["mse"].get<double>(), 4.0);
  const std::string table = metrics_table(metrics);
  EXPECT_NE(table.find("\nage\ntask              regression\n"), std::string::npos) << table;
}

TEST(MetricsOf, SaysWhichConfoundsAreGone) {
  Evaluation evaluation = test::four_shifted_values();
  EXPECT_FALSE(metrics_of(evaluation, {.seed = 1, .resamples = 0}).contains("confounds"));
  evaluation.task.confounds = task::fit_coding({"age", "mean_fd"}, {{30.0, 0.1}, {40.0, 0.2}});
  EXPECT_EQ(metrics_of(evaluation, {.seed = 1, .resamples = 0})["confounds"],
            (nlohmann::ordered_json{"age", "mean_fd"}));
}

TEST(PredictionsTable, MultitaskHasARowForEachParticipantAndTarget) {
  const std::string table = predictions_table(test::two_targets());
  EXPECT_TRUE(table.starts_with("participant_id\tsplit\tn_windows\ty_true\ty_pred\tlogit\tprob\ttarget\n")) << table;
  EXPECT_EQ(std::ranges::count(table, '\n'), 9);
  EXPECT_NE(table.find("\nb\ttest\t2\t1\t0\t-0.5\t"), std::string::npos) << table;
  EXPECT_NE(table.find("\nb\ttest\t1\tn/a\t52\tn/a\tn/a\tage\n"), std::string::npos) << table;
}

TEST(PredictionsTable, HasLogitAndProbabilityOfAClass) {
  const std::string table = predictions_table(test::four_of_two_classes());
  EXPECT_TRUE(table.starts_with("participant_id\tsplit\tn_windows\ty_true\ty_pred\tlogit\tprob\n")) << table;
  EXPECT_NE(table.find("\na\ttest\t2\t0\t0\t-1.5\t0.1824"), std::string::npos) << table;  // 1 / (1 + e^1.5)
  EXPECT_NE(table.find("\nd\ttest\t1\t1\t1\t2\t0.8807"), std::string::npos) << table;
  EXPECT_EQ(std::ranges::count(table, '\n'), 5);
}

TEST(PredictionsTable, LeavesThemOutOfARegression) {
  const std::string table = predictions_table(test::four_shifted_values());
  EXPECT_NE(table.find("\na\ttrain\t1\t40\t42\tn/a\tn/a\n"), std::string::npos) << table;
  EXPECT_NE(table.find("\nd\tnone\t1\t70\t72\tn/a\tn/a\n"), std::string::npos) << table;
}

TEST(MetricsTable, HasALineForEachMetricWithItsInterval) {
  nlohmann::ordered_json metrics{
      {"task", "regression"}, {"mse", 4.0}, {"r2", nullptr}, {"n_subjects", 4}, {"ci95", {{"mse", {3.25, 5.5}}}}};
  EXPECT_EQ(metrics_table(metrics),
            "task              regression\n"
            "mse               4   [3.25, 5.5]\n"
            "r2                n/a\n"
            "n_subjects        4\n");
  metrics["ci95"]["mse"] = {nullptr, nullptr};
  EXPECT_EQ(interval_text(metrics, "mse"), "");
}

}  // namespace
}  // namespace brainmt::analysis

// The report: every number in it is the one in the run's files, the page is well formed and self-contained.
#include <gtest/gtest.h>

#include <cmath>
#include <regex>

#include "analysis/hand_made.hpp"
#include "analysis/markup.hpp"
#include "analysis/report.hpp"
#include "analysis/report_figures.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"

namespace brainmt::analysis {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

class ReportPage : public testing::Test {
 protected:
  // A run directory of the files that `brainmt train` leaves, `task` and its target in the configuration.
  fs::path make_run(const std::string& name, const std::string& task, const std::string& target,
                    const std::string& lr = "0.001") {
    const fs::path run = directory_ / name;
    fs::create_directories(run);
    test::write_file(run / "config.yaml",
                     fmt::format("run:\n  dir: {}\n  seed: 42\ndata:\n  cohort: /far/away/cohort.h5\n"
                                 "optimizer:\n  lr: {}\ntask: {}\ntask.target: {}\n",
                                 run.string(), lr, task, target));
    test::write_file(run / "provenance.json",
                     R"([{"started":"2026-01-02T03:04:05Z","host":"node<7>","ranks":2,"build":"brainmt & co",)"
                     R"("overrides":["a=b","c=d"]}])");
    test::write_file(run / "split.json",
                     R"({"seed":42,"ids_sha256":"0123456789abcdef","train":["a"],"val":[],"test":["b","c"]})");
    std::string lines;
    for (int step = 1; step <= 3; ++step)
      lines += fmt::format(R"({{"step":{},"epoch":1,"split":"train","loss":{},"lr":0.001,"grad_norm":1.5,)"
                           R"("samples_per_s":12.5,"data_wait_s":0.002,"exposed_comm_s":0.001,"peak_memory_mib":321}})"
                           "\n",
                           step, 1.0 / step);
    lines += R"({"step":3,"epoch":1,"split":"val","loss":0.625,"auroc":0.8125})"
             "\n{\"step\":4,\"ep";
    test::write_file(run / "metrics.jsonl", lines);
    return run;
  }

  void evaluate(const fs::path& run, const Evaluation& evaluation) {
    const auto metrics = metrics_of(evaluation, {.seed = 1, .resamples = 50});
    test::write_file(run / "metrics.json", metrics.dump());
    test::write_file(run / "predictions.tsv", predictions_table(evaluation));
  }

  std::string page(const std::vector<std::string>& names) {
    std::vector<RunRecord> runs;
    for (const std::string& name : names) runs.push_back(read_run(directory_ / name));
    return report_page(runs, {.title = "", .bins = 5, .program = "end of page"});
  }

  static void expect_whole(const std::string& text) {
    EXPECT_EQ(test::unbalanced(text), "");
    for (const char* reference : {"src=", "href=", "@import", "url(", "<script", "<link"})
      EXPECT_EQ(text.find(reference), std::string::npos) << reference;
    std::smatch found;
    EXPECT_FALSE(std::regex_search(text, found, std::regex(R"(\b-?(nan|inf)\b)"))) << found.str();
  }

  // The text of a cell of the metrics table behind a row's name.
  static std::string cell_behind(const std::string& text, const std::string& label) {
    const std::regex pattern("<td>" + label +
                             "</td><td class=\"number\">([^<]*)</td><td class=\"number\">([^<]*)</td>");
    std::smatch found;
    EXPECT_TRUE(std::regex_search(text, found, pattern)) << label;
    return found.empty() ? "" : fmt::format("{} {}", found[1].str(), found[2].str());
  }

  test::TemporaryDirectory directory_;
};

TEST_F(ReportPage, ClassificationShowsTheNumbersOfMetricsJson) {
  evaluate(make_run("sex", "classification", "sex"), test::four_of_two_classes());
  const std::string text = page({"sex"});
  expect_whole(text);
  const auto metrics = metrics_of(test::four_of_two_classes(), {.seed = 1, .resamples = 50});
  for (const auto& [key, label] : {std::pair{"auroc", "AUROC"}, {"f1", "F1"}, {"accuracy", "Accuracy"}})
    EXPECT_EQ(cell_behind(text, label),
              fmt::format("{:.4g} {}", metrics[key].get<double>(), interval_text(metrics, key)));
  for (const char* part :
       {"ROC curve", "Calibration", "Confusion matrix", "Throughput", "Memory", "2026-01-02T03:04:05Z", "node&lt;7&gt;",
        "brainmt &amp; co", "0123456789ab", "cohort.h5", "end of page", "Brier"})
    EXPECT_NE(text.find(part), std::string::npos) << part;
  EXPECT_EQ(text.find("/far/away"), text.rfind("/far/away")) << "the path of the cohort is among the settings only";
  // The four cells of the matrix, one participant each.
  const std::regex cell(R"(font-size="26"[^>]*>1</text>)");
  EXPECT_EQ(std::distance(std::sregex_iterator(text.begin(), text.end(), cell), {}), 4);
  EXPECT_NE(text.find("unreadable lines of metrics.jsonl</td><td>1<"), std::string::npos);
}

TEST_F(ReportPage, RegressionShowsScatterAndResiduals) {
  evaluate(make_run("age", "regression", "age"), test::four_shifted_values());
  const std::string text = page({"age"});
  expect_whole(text);
  EXPECT_NE(text.find("Predicted against true"), std::string::npos);
  EXPECT_NE(text.find("Mean residual -2; MAE 2"), std::string::npos);
  EXPECT_TRUE(cell_behind(text, "Mean squared error").starts_with("4 ["));
}

TEST_F(ReportPage, MultitaskHasASectionForEachTarget) {
  const fs::path run = make_run("both", "multitask", "[sex, age]");
  const Json sex = metrics_of(test::four_of_two_classes(), {}), age = metrics_of(test::four_shifted_values(), {});
  test::write_file(run / "metrics.json",
                   Json{{"task", "multitask"}, {"split", "test"}, {"targets", {{"sex", sex}, {"age", age}}}}.dump());
  test::write_file(run / "predictions.tsv",
                   "participant_id\tsplit\tn_windows\ty_true\ty_pred\tlogit\tprob\ttarget\n"
                   "a\ttest\t1\t0\t1\t0.5\t0.62\tsex\na\ttest\t1\t40\t42\tn/a\tn/a\tage\n"
                   "b\ttest\t1\t1\t1\t0.7\t0.67\tsex\nb\ttest\t1\tn/a\t41\tn/a\tn/a\tage\n");
  const std::string text = page({"both"});
  expect_whole(text);
  for (const char* part : {"Predictions: sex", "Predictions: age", "ROC curve", "Residuals", "AUROC, sex on test"})
    EXPECT_NE(text.find(part), std::string::npos) << part;
  const RunRecord record = read_run(run);
  ASSERT_EQ(record.results.size(), 2u);
  EXPECT_EQ(record.results[0].predictions.size(), 2u);
  EXPECT_EQ(record.results[1].predictions.size(), 1u) << "one label is missing";
}

TEST_F(ReportPage, SeveralRunsAreComparedAndOnlyDifferingSettingsStandOut) {
  evaluate(make_run("one", "classification", "sex"), test::four_of_two_classes());
  evaluate(make_run("two", "classification", "sex", "0.0003"), test::four_of_two_classes());
  const std::string text = page({"one", "two"});
  expect_whole(text);
  const std::size_t table = text.find("Settings that differ"), folded = text.find("<details>");
  ASSERT_LT(table, folded);
  const std::string different = text.substr(table, folded - table);
  EXPECT_NE(different.find("<td>optimizer.lr</td><td>0.001</td><td>0.0003</td>"), std::string::npos);
  EXPECT_EQ(different.find("run.seed"), std::string::npos);
  EXPECT_EQ(different.find("run.dir"), std::string::npos);
  EXPECT_NE(text.find("2 runs on cohort.h5"), std::string::npos);
}

TEST_F(ReportPage, ARunThatHasJustBegunIsAPageToo) {
  const fs::path run = directory_ / "new";
  fs::create_directories(run);
  test::write_file(run / "config.yaml", "task: regression\n");
  const std::string text = page({"new"});
  expect_whole(text);
  EXPECT_NE(text.find("No step is logged yet"), std::string::npos);
  EXPECT_NE(text.find("brainmt evaluate"), std::string::npos);
}

TEST_F(ReportPage, RefusesWhatIsNoRunAndBrokenJson) {
  test::expect_error<DataError>([&] { read_run(directory_ / "nothing"); }, {"nothing", "config.yaml"});
  const fs::path run = make_run("bad", "regression", "age");
  test::write_file(run / "metrics.json", "{\"task\":");
  test::expect_error<DataError>([&] { read_run(run); }, {"metrics.json", "JSON"});
}

TEST_F(ReportPage, LongRunsAreThinnedWithoutLosingTheirEnds) {
  std::vector<CurvePoint> points;
  for (int step = 0; step < 100000; ++step) points.push_back({static_cast<double>(step), std::nan("")});
  EXPECT_TRUE(curve_figure("t", "y", {{"run", points, 0}}).svg.empty()) << "nothing finite, no figure";
  for (CurvePoint& p : points) p[1] = 2.0;
  const std::string svg = curve_figure("t", "y", {{"run", points, 0}}).svg;
  EXPECT_LT(svg.size(), 20000u);
  EXPECT_NE(svg.find("<polyline"), std::string::npos);
}

ScoredPrediction scored(double truth, double probability) {
  ScoredPrediction p;
  p.truth = truth;
  p.probability = probability;
  return p;
}

TEST(Calibration, BinsAndScoresAreThoseWorkedOutByHand) {
  const std::vector<ScoredPrediction> predictions{scored(0, 0.1), scored(1, 0.3), scored(1, 0.9), scored(1, 1.0),
                                                  scored(0, 0.8)};
  const auto bins = calibration(predictions, 2);
  ASSERT_EQ(bins.size(), 2u);
  EXPECT_EQ(bins[0].count, 2u);
  EXPECT_DOUBLE_EQ(bins[0].predicted, 0.2);
  EXPECT_DOUBLE_EQ(bins[0].observed, 0.5);
  EXPECT_DOUBLE_EQ(bins[1].predicted, 0.9);
  EXPECT_DOUBLE_EQ(bins[1].observed, 2.0 / 3);
  EXPECT_DOUBLE_EQ(expected_calibration_error(bins), (2 * 0.3 + 3 * (0.9 - 2.0 / 3)) / 5);
  EXPECT_NEAR(brier_score(predictions), (0.01 + 0.49 + 0.01 + 0 + 0.64) / 5, 1e-15);
  // Wilson for 1 of 2: (0.5 + z^2/4) / (1 + z^2/2) +- ..., tabulated as [0.0945, 0.9055].
  EXPECT_NEAR(bins[0].interval_low, 0.0945, 5e-5);
  EXPECT_NEAR(bins[0].interval_high, 0.9055, 5e-5);
}

}  // namespace
}  // namespace brainmt::analysis

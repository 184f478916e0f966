// Plots: the curve is the one that its AUROC is the area of, the document is well formed, and nothing leaves the frame.
#include "analysis/plots.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <regex>

#include "analysis/hand_made.hpp"
#include "analysis/markup.hpp"
#include "analysis/svg_plot.hpp"
#include "base/philox.hpp"

namespace brainmt::analysis {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Frame {
  double left = 0, top = 0, right = 0, bottom = 0;
};

Frame frame_of(const std::string& svg) {
  const std::regex pattern(R"re(<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" fill="none")re");
  std::smatch found;
  EXPECT_TRUE(std::regex_search(svg, found, pattern));
  const double x = std::stod(found[1]), y = std::stod(found[2]);
  return {x, y, x + std::stod(found[3]), y + std::stod(found[4])};
}

// Pixels of the dots and of the corners of all lines with data in them.
std::vector<std::array<double, 2>> marks_of(const std::string& svg) {
  std::vector<std::array<double, 2>> marks;
  const std::regex dot(R"re(cx="([-\d.]+)" cy="([-\d.]+)")re"), lines(R"re(points="([^"]*)")re");
  const std::regex corner(R"re(([-\d.]+),([-\d.]+))re");
  const std::sregex_iterator end;
  for (std::sregex_iterator it(svg.begin(), svg.end(), dot); it != end; ++it)
    marks.push_back({std::stod((*it)[1]), std::stod((*it)[2])});
  for (std::sregex_iterator it(svg.begin(), svg.end(), lines); it != end; ++it) {
    const std::string points = (*it)[1];
    for (std::sregex_iterator p(points.begin(), points.end(), corner); p != end; ++p)
      marks.push_back({std::stod((*p)[1]), std::stod((*p)[2])});
  }
  return marks;
}

void expect_well_formed(const std::string& svg) {
  EXPECT_EQ(test::unbalanced(svg), "");
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  const Frame frame = frame_of(svg);
  constexpr double kRounded = 0.01;  // coordinates have two decimals
  for (const auto& [x, y] : marks_of(svg)) {
    EXPECT_GE(x, frame.left - kRounded);
    EXPECT_LE(x, frame.right + kRounded);
    EXPECT_GE(y, frame.top - kRounded);
    EXPECT_LE(y, frame.bottom + kRounded);
  }
}

Plot plot_of_evaluation(const Evaluation& evaluation) {
  return plots_of(evaluation, metrics_of(evaluation, {.seed = 1, .resamples = 50})).at(0);
}

TEST(RocCurve, GoesThroughTheStepsWorkedOutByHand) {
  const std::vector<double> truth{0, 1, 0, 1}, score{-1.5, -0.5, 0.25, 2.0};
  const std::vector<std::array<double, 2>> expected{{0, 0}, {0, 0.5}, {0.5, 0.5}, {0.5, 1}, {1, 1}};
  EXPECT_EQ(roc_curve(truth, score), expected);
}

TEST(RocCurve, AreaIsTheAurocAlsoWithTies) {
  std::vector<double> truth, score;
  Philox random(5, 1, 0);
  for (int i = 0; i < 60; ++i) {
    truth.push_back(i % 3 == 0 ? 1.0 : 0.0);
    score.push_back(static_cast<double>(random.below(8)) + truth.back());
  }
  const auto curve = roc_curve(truth, score);
  double area = 0;
  for (std::size_t i = 1; i < curve.size(); ++i)
    area += (curve[i][0] - curve[i - 1][0]) * (curve[i][1] + curve[i - 1][1]) / 2;
  // Both are sums of at most 60 x 60 fractions of 800: exact to a few hundred roundings.
  EXPECT_NEAR(area, task::classification_metrics(truth, score, 0.0).auroc, 1e-13);
}

TEST(RocCurve, IsEmptyWhereItIsNotDefined) {
  const std::vector<double> one_class{1, 1}, two{0, 1}, score{0.5, 1}, with_nan{0.5, kNan};
  EXPECT_TRUE(roc_curve(one_class, score).empty());
  EXPECT_TRUE(roc_curve(two, with_nan).empty());
}

TEST(TickValues, AreRoundNumbersInsideTheRange) {
  EXPECT_EQ(tick_values({0, 100}), (std::vector<double>{0, 20, 40, 60, 80, 100}));
  EXPECT_EQ(tick_values({-0.3, 0.2}).size(), 6u);  // steps of 0.1 with both ends
  for (const Range range : {Range{71.3, 128.9}, Range{-1e-7, 3e-7}, Range{1e6, 1e6 + 1}, Range{0, 1}}) {
    const auto ticks = tick_values(range);
    EXPECT_GE(ticks.size(), 3u) << range.low;
    EXPECT_LE(ticks.size(), 9u) << range.low;
  }
}

TEST(RangeOf, HasAWidthForAnyValues) {
  for (const std::vector<double>& values :
       {std::vector<double>{}, std::vector<double>{3.0}, std::vector<double>{kNan, 2.0, 5.0}, std::vector<double>{0}}) {
    const Range range = range_of(values);
    EXPECT_LT(range.low, range.high);
  }
  EXPECT_DOUBLE_EQ(range_of(std::vector<double>{10, 20}).low, 9.5);
}

TEST(PlotOf, ClassificationIsARocCurveWithItsAurocAndInterval) {
  const Plot plot = plot_of_evaluation(test::four_of_two_classes());
  EXPECT_EQ(plot.file_name, "roc.svg");
  expect_well_formed(plot.svg);
  EXPECT_NE(plot.svg.find("AUROC 0.75, 95 % CI ["), std::string::npos);
  EXPECT_NE(plot.svg.find("4 subjects"), std::string::npos);
  EXPECT_EQ(marks_of(plot.svg).size(), 2u + 5u) << "the diagonal and the curve";
}

TEST(PlotOf, RegressionPlotsADotForEachSubject) {
  const Evaluation evaluation = test::four_shifted_values();
  const Plot plot = plot_of_evaluation(evaluation);
  EXPECT_EQ(plot.file_name, "scatter.svg");
  expect_well_formed(plot.svg);
  EXPECT_NE(plot.svg.find("Pearson r 1"), std::string::npos);
  const auto marks = marks_of(plot.svg);
  ASSERT_EQ(marks.size(), 4u + 2u);
  // Values 40 to 72, so an axis from 38.4 to 73.6; y grows downwards.
  const Frame frame = frame_of(plot.svg);
  const double pixels = (frame.right - frame.left) / (73.6 - 38.4);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(marks[i][0], frame.left + pixels * (evaluation.predictions[i].truth - 38.4), 0.01);
    EXPECT_NEAR(marks[i][1], frame.bottom - pixels * (evaluation.predictions[i].predicted - 38.4), 0.01);
  }
}

TEST(PlotOf, MultitaskHasOneForEachTargetUnderAFitName) {
  Evaluation evaluation = test::two_targets();
  evaluation.task.targets[0].target.name = "31/0.0";
  const auto plots = plots_of(evaluation, metrics_of(evaluation, {.seed = 1, .resamples = 50}));
  ASSERT_EQ(plots.size(), 2u);
  EXPECT_EQ(plots[0].file_name, "roc-31_0_0.svg");
  EXPECT_EQ(plots[1].file_name, "scatter-age.svg");
  EXPECT_NE(plots[0].svg.find("AUROC 0.75"), std::string::npos);
  EXPECT_NE(plots[1].svg.find("3 subjects"), std::string::npos) << "one has no age";
  for (const Plot& plot : plots) expect_well_formed(plot.svg);
}

TEST(PlotOf, SurvivesOneClassNanAndMarkupInTheColumnName) {
  Evaluation one_class = test::four_of_two_classes();
  for (Prediction& p : one_class.predictions) p.truth = 1;
  const Plot roc = plot_of_evaluation(one_class);
  expect_well_formed(roc.svg);
  EXPECT_NE(roc.svg.find("AUROC not defined"), std::string::npos);

  Evaluation strange = test::four_shifted_values();
  strange.task.targets[0].target.name = "a<b> & \"c\"";
  strange.predictions[1].predicted = kNan;
  const Plot scatter = plot_of_evaluation(strange);
  expect_well_formed(scatter.svg);
  EXPECT_NE(scatter.svg.find("a&lt;b&gt; &amp; \"c\""), std::string::npos);
  EXPECT_EQ(marks_of(scatter.svg).size(), 3u + 2u);
}

TEST(SvgPlot, LogarithmicAxisGivesEqualRoomToEqualRatios) {
  SvgPlot plot({.title = {}, .note = {}, .x_label = "frames", .y_label = "r"}, {50, 400}, {0, 1},
               {.width = 300, .height = 200, .log_x = true, .x_ticks = {50, 100, 200, 400}});
  for (const double frames : {50.0, 100.0, 200.0, 400.0}) plot.dot({frames, 0.5}, 1);
  const auto marks = marks_of(plot.document());
  ASSERT_EQ(marks.size(), 4u);
  for (int i = 1; i < 4; ++i) EXPECT_NEAR(marks[i][0] - marks[i - 1][0], 100, 0.01);
  expect_well_formed(plot.document());
}

TEST(SvgPlot, LinesHaveGapsAndNothingLeavesTheFrame) {
  SvgPlot plot({}, {0, 3}, {0, 1}, {.width = 300, .height = 200});
  const std::vector<SvgPlot::Point> points{{0, 0.5}, {1, kNan}, {2, 0.5}, {3, 0.7}};
  plot.line(points, SvgPlot::Stroke::kCurve, 2);
  const std::vector<double> x{0, 1, 3}, low{-5, kNan, 0.2}, high{0.6, 0.7, 9};
  plot.band(x, low, high);
  plot.error_bar(1, -3, 0.5);
  plot.error_bar(7, 0, 1);
  plot.box({2, -1}, {9, 0.25});
  const std::string svg = plot.document();
  expect_well_formed(svg);
  EXPECT_EQ(marks_of(svg).size(), 3u + 4u) << "three points of the line, four corners of the band";
  const Frame frame = frame_of(svg);
  EXPECT_NE(svg.find(fmt::format("width=\"{:.2f}\" height=\"{:.2f}\" fill=\"#1f5a94\"", (frame.right - frame.left) / 3,
                                 (frame.bottom - frame.top) / 4)),
            std::string::npos)
      << "the box is cut at the frame";
}

}  // namespace
}  // namespace brainmt::analysis

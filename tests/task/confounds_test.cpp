// Confounds: coefficients against a known answer, coding of texts, and labels that are uncorrelated with the confounds.
#include "task/confounds.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "task/least_squares.hpp"
#include "train/tiny_cohort.hpp"

namespace brainmt::task {

using namespace train;
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(LeastSquares, FindsTheCoefficientsThatMadeTheValues) {
  std::vector<std::vector<double>> rows;
  std::vector<double> y;
  Philox random(3, 1);
  for (int i = 0; i < 50; ++i) {
    // Far from 0 and of very different scales, as age and motion are.
    rows.push_back({60 + 8 * random.normal(), 0.2 + 0.01 * random.normal(), 1e6 + random.normal()});
    y.push_back(5 + 0.5 * rows.back()[0] - 30 * rows.back()[1] + 2 * (rows.back()[2] - 1e6));
  }
  const LinearFit fit = fit_linear(rows, y);
  EXPECT_NEAR(fit.coefficients[0], 0.5, 1e-10);
  EXPECT_NEAR(fit.coefficients[1], -30, 1e-7);
  EXPECT_NEAR(fit.coefficients[2], 2, 1e-7);
  EXPECT_TRUE(fit.without_effect.empty());
}

TEST(LeastSquares, ResidualsAreOrthogonalToEveryColumn) {
  std::vector<std::vector<double>> rows;
  std::vector<double> y;
  Philox random(4, 1);
  for (int i = 0; i < 40; ++i) {
    const double x = random.normal();
    rows.push_back({x, x + 0.01 * random.normal(), random.normal()});  // nearly collinear
    y.push_back(random.normal());
  }
  const LinearFit fit = fit_linear(rows, y);
  for (std::size_t j = 0; j < 3; ++j) {
    double product = 0, scale = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      double residual = y[i] - fit.mean;
      for (std::size_t c = 0; c < 3; ++c) residual -= fit.coefficients[c] * (rows[i][c] - fit.centre[c]);
      product += residual * (rows[i][j] - fit.centre[j]);
      scale += std::abs(residual * (rows[i][j] - fit.centre[j]));
    }
    EXPECT_LT(std::abs(product), 1e-12 * scale) << j;
  }
}

TEST(LeastSquares, ConstantAndDependentColumnsHaveNoEffect) {
  std::vector<std::vector<double>> rows;
  std::vector<double> y;
  for (int i = 0; i < 10; ++i) {
    const double x = 0.1 * i * i;
    rows.push_back({0.1, x, 3 * x - 7, 1.0 * i});
    y.push_back(2 * x);
  }
  const LinearFit fit = fit_linear(rows, y);
  EXPECT_EQ(fit.without_effect, (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(fit.coefficients[0], 0);
  EXPECT_NEAR(fit.coefficients[1], 2, 1e-12);
  EXPECT_EQ(fit.coefficients[2], 0);
  EXPECT_NEAR(fit.coefficients[3], 0, 1e-12);
}

TEST(ConfoundCoding, TextsAreCodedAgainstTheMostFrequentLevelOfTheTrainingPart) {
  const std::vector<ConfoundRow> rows{{50.0, "b"}, {51.0, "c"}, {52.0, "b"}, {53.0, "a"}};
  const ConfoundCoding coding = fit_coding({"age", "site"}, rows);
  EXPECT_EQ(coding.terms(), (std::vector<std::string>{"age", "site=a", "site=c"}));
  EXPECT_EQ(coding.coded(rows[0]), (std::vector<double>{50, 0, 0}));
  EXPECT_EQ(coding.coded(rows[1]), (std::vector<double>{51, 0, 1}));
  std::size_t unseen = 0;
  EXPECT_EQ(coding.coded(ConfoundRow{40.0, "elsewhere"}, &unseen), (std::vector<double>{40, 0, 0}));
  EXPECT_EQ(unseen, 1u);
  EXPECT_EQ(coding_from_json(nlohmann::json::parse(to_json(coding).dump())), coding);
}

class Deconfounded : public testing::Test {
 protected:
  // 24 subjects; score = 100 + 2 (age - 50) + 7 where the site is s1 + own; own does not depend on either.
  static constexpr int kSubjects = 24;
  void write(const std::function<void(io::CohortLayout&)>& change = {}) {
    test::write_tiny_cohort(MPI_COMM_SELF, directory_ / "c.h5", kSubjects, /*second_runs=*/true,
                            [&](io::CohortLayout& layout) {
                              std::vector<double> age, score;
                              std::vector<std::string> site;
                              for (io::CohortScan& scan : layout.scans) {
                                const int i = std::stoi(scan.participant_id.substr(4));
                                age.push_back(45 + (i * 5) % 13);
                                site.push_back(i % 3 == 0 ? "s1" : "s0");
                                score.push_back(100 + 2 * (age.back() - 50) + (i % 3 == 0 ? 7 : 0) + own(i));
                                scan.mean_fd = 0.1 + 0.01 * i;
                              }
                              layout.phenotypes = {{"age", age}, {"site", site}, {"score", score}};
                              if (change) change(layout);
                            });
    cohort_.emplace(directory_ / "c.h5");
  }
  static double own(int i) { return Philox(8, 1, static_cast<std::uint64_t>(i)).normal() * 0.01; }
  TrainingData prepared(std::vector<std::string> confounds) const {
    return prepare_training_data(
        *cohort_, {.targets = {{.name = "score", .task = Task::kRegression}}, .confounds = std::move(confounds)}, {},
        4);
  }

  test::TemporaryDirectory directory_;
  std::optional<io::Cohort> cohort_;
};

TEST_F(Deconfounded, LabelsOfAllPartsLoseWhatAgeAndSiteExplain) {
  write();
  const TrainingData data = prepared({"age", "site"});
  EXPECT_NEAR(data.task.targets[0].adjustment.coefficients[0], 2, 0.01);
  EXPECT_NEAR(data.task.targets[0].adjustment.coefficients[1], 7, 0.05);
  double lowest = 1e9, highest = -1e9;
  for (const Subject& subject : data.data.subjects()) {
    lowest = std::min(lowest, subject.labels[0]);
    highest = std::max(highest, subject.labels[0]);
  }
  EXPECT_LT(highest - lowest, 0.2) << "the confounds spread the score over 31";
  // Residual plus mean: the mean of the training split is what it was.
  double before = 0, after = 0;
  const TrainingData plain = prepared({});
  for (const std::size_t i : data.part(Part::kTrain)) {
    before += plain.data.subjects()[i].labels[0];
    after += data.data.subjects()[i].labels[0];
  }
  EXPECT_NEAR(before, after, 1e-9);
  EXPECT_EQ(describe_task(*described_task(describe_task(data.task))), describe_task(data.task));
}

TEST_F(Deconfounded, MeanFdIsTheScansOwnAveragedOverRuns) {
  write([](io::CohortLayout& layout) {
    layout.scans[0].mean_fd = 0.5;  // sub-000 has two runs
    layout.scans[1].mean_fd = 0.7;
    layout.scans[2].mean_fd = kNan;  // sub-001 has one
  });
  const TrainingData data = prepared({"mean_fd"});
  EXPECT_EQ(data.data.subjects()[0].id, "sub-000");
  EXPECT_DOUBLE_EQ(std::get<double>(data.data.subjects()[0].confounds[0]), 0.6);
  EXPECT_EQ(data.data.without_confounds(), 1u);
  EXPECT_EQ(data.data.subjects()[1].id, "sub-002") << "without its motion sub-001 is left out";
  EXPECT_EQ(data.data.subjects().size(), kSubjects - 1u);
}

TEST_F(Deconfounded, ClassificationIsRefused) {
  write([](io::CohortLayout& layout) {
    std::vector<std::string> sex(layout.scans.size());
    for (std::size_t i = 0; i < sex.size(); ++i) sex[i] = layout.scans[i].participant_id.back() % 2 == 0 ? "M" : "F";
    layout.phenotypes.push_back({"sex", sex});
  });
  test::expect_error<UsageError>(
      [&] {
        prepare_training_data(
            *cohort_, {.is_multitask = true, .targets = {{.name = "score"}, {.name = "sex"}}, .confounds = {"age"}}, {},
            4);
      },
      {"task.confounds", "'sex'", "regression"});
}

TEST_F(Deconfounded, TooFewSubjectsForTheTermsAreRefused) {
  write([](io::CohortLayout& layout) {
    for (const int size : {11, 13, 17}) {
      std::vector<std::string> groups;
      for (const io::CohortScan& scan : layout.scans)
        groups.push_back(fmt::format("g{}", std::stoi(scan.participant_id.substr(4)) % size));
      layout.phenotypes.push_back({fmt::format("of_{}", size), groups});
    }
  });
  test::expect_error<DataError>(
      [&] {
        prepared({"of_11", "of_13", "of_17"});
      },
      {"task.confounds", "'score'", "too few"});
}

TEST_F(Deconfounded, TextsThatMakeNoGroupsAreRefused) {
  write([](io::CohortLayout& layout) {
    std::vector<std::string> own_site;
    for (const io::CohortScan& scan : layout.scans) own_site.push_back(scan.participant_id);
    layout.phenotypes[1].values = own_site;
  });
  test::expect_error<DataError>([&] { prepared({"site"}); }, {"task.confounds", "'site'", "expected groups"});
}

}  // namespace
}  // namespace brainmt::task

// Which labels a column gives: spellings of sex, missing values, columns of two values, and what is refused.
#include "task/labels.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "task/phenotype_values.hpp"
#include "train/tiny_cohort.hpp"

namespace brainmt::task {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
using Texts = std::vector<std::string>;
using Numbers = std::vector<double>;

class Labels : public testing::Test {
 protected:
  // A cohort of one scan a subject with these columns.
  io::Cohort cohort_with(std::vector<io::PhenotypeColumn> columns) {
    const std::size_t scans = std::visit([](const auto& v) { return v.size(); }, columns.front().values);
    test::write_tiny_cohort(MPI_COMM_SELF, directory_ / "c.h5", static_cast<int>(scans), false,
                            [&](io::CohortLayout& layout) { layout.phenotypes = columns; });
    return io::Cohort(directory_ / "c.h5");
  }

  void expect_labels(const io::PhenotypeColumn& column, const Target& target, const Numbers& expected) {
    const Numbers labels = read_labels(cohort_with({column}), target);
    ASSERT_EQ(labels.size(), expected.size());
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (std::isnan(expected[i]))
        EXPECT_TRUE(std::isnan(labels[i])) << i;
      else
        EXPECT_EQ(labels[i], expected[i]) << i;
    }
  }

  test::TemporaryDirectory directory_;
};

TEST_F(Labels, SexInAnySpellingMaleIsOne) {
  const Target sex{.name = "sex", .task = Task::kClassification};
  expect_labels({"sex", Texts{"m", "F", "Male", "FEMALE", "man", "Woman", "1", "0", "", "N/A"}}, sex,
                {1, 0, 1, 0, 1, 0, 1, 0, kNan, kNan});
  expect_labels({"31-0.0", Numbers{1, 0, kNan}}, sex, {1, 0, kNan});
  expect_labels({"Gender", Texts{"M", "F"}}, sex, {1, 0});
}

TEST_F(Labels, OneAndTwoAreRefusedWithWhatToDo) {
  Target sex{.name = "sex", .task = Task::kClassification};
  for (const io::PhenotypeColumn& column :
       {io::PhenotypeColumn{"sex", Numbers{1, 2, kNan, 1}}, io::PhenotypeColumn{"sex", Texts{"1", "2", "", "1"}}}) {
    test::expect_error<DataError>([&] { read_labels(cohort_with({column}), sex); },
                                  {"'sex'", "coded 1 and 2", "task.positive=1", "task.positive=2"});
    sex.positive = "2";
    expect_labels(column, sex, {0, 1, kNan, 0});
    sex.positive = "";
  }
}

TEST_F(Labels, AnyTwoValuesAreClassesOnceOneIsNamed) {
  const io::PhenotypeColumn column{"group", Texts{"patient", "control", "", "patient"}};
  expect_labels(column, {.name = "group", .task = Task::kClassification, .positive = "patient"}, {1, 0, kNan, 1});
  test::expect_error<DataError>(
      [&] { read_labels(cohort_with({column}), {.name = "group", .task = Task::kClassification}); },
      {"sub-000", "'patient'", "task.positive", "'control'"});
  test::expect_error<DataError>(
      [&] {
        read_labels(cohort_with({column}), {.name = "group", .task = Task::kClassification, .positive = "patients"});
      },
      {"task.positive='patients'", "two values", "'control', 'patient'"});
  const io::PhenotypeColumn three{"group", Texts{"a", "b", "c"}};
  test::expect_error<DataError>(
      [&] { read_labels(cohort_with({three}), {.name = "group", .task = Task::kClassification, .positive = "a"}); },
      {"two values", "found 3"});
}

TEST_F(Labels, NumbersOfARegressionMayStandInATextColumn) {
  expect_labels({"age", Texts{"22.5", "", "na", "-3"}}, {.name = "age"}, {22.5, kNan, kNan, -3});
  test::expect_error<DataError>(
      [&] {
        read_labels(cohort_with({{"age", Texts{"22", "old"}}}), {.name = "age"});
      },
      {"sub-001", "'old'", "a number"});
}

TEST_F(Labels, UnknownColumnsNameTheNearest) {
  test::expect_error<DataError>(
      [&] {
        read_labels(cohort_with({{"cognition", Numbers{1, 2, 3}}}), {.name = "cogniton"});
      },
      {"cognition"});
}

TEST_F(Labels, KindsAreInferredAsDocumented) {
  const io::Cohort cohort = cohort_with({{"sex", Texts{"M", "F", "M", "F"}},
                                         {"flag", Numbers{0, 1, kNan, 1}},
                                         {"score", Numbers{3, 1.5, 2, kNan}},
                                         {"scale", Numbers{1, 2, 2, 1}},
                                         {"words", Texts{"4", "5", "", "6"}}});
  const auto kind = [&](const std::string& name, const std::string& positive = "") {
    return resolve_targets(cohort, {{.name = name, .positive = positive}}).front().task;
  };
  EXPECT_EQ(kind("sex"), Task::kClassification);
  EXPECT_EQ(kind("flag"), Task::kClassification);
  EXPECT_EQ(kind("score"), Task::kRegression);
  EXPECT_EQ(kind("words"), Task::kRegression);
  EXPECT_EQ(kind("scale", "2"), Task::kClassification);
  test::expect_error<UsageError>([&] { kind("scale"); }, {"task.kinds", "'scale'", "'1', '2'"});
  EXPECT_EQ(resolve_targets(cohort, {{.name = "scale", .task = Task::kRegression}}).front().task, Task::kRegression);
}

TEST_F(Labels, TextsThatMakeNoGroupsAreRefusedWithTheReason) {
  const io::PhenotypeColumn ages{"age", Texts{"50", "61", "90+", "", "47"}};
  test::expect_error<DataError>([&] { check_has_groups(cohort_with({ages}), ages, "task.confounds"); },
                                {"task.confounds", "'age'", "3 of its 4 values are numbers", "'90+'"});
  test::expect_error<DataError>(
      [&] { read_labels(cohort_with({ages}), {.name = "age", .task = Task::kClassification}); }, {"'90+'", "numbers"});
  io::PhenotypeColumn names{"name", Texts()}, sites{"site", Texts()};
  for (int i = 0; i < 24; ++i) {
    std::get<Texts>(names.values).push_back(fmt::format("person {}", i));
    for (int k = 0; k < 10; ++k) std::get<Texts>(sites.values).push_back(fmt::format("site {}", i));
  }
  const io::Cohort cohort = cohort_with({names});
  test::expect_error<DataError>([&] { check_has_groups(cohort, names, "task.confounds"); },
                                {"24 different values for 24 scans", "expected groups"});
  EXPECT_NO_THROW(check_has_groups(cohort, sites, "task.confounds")) << "large groups";
  Numbers years(24);
  std::iota(years.begin(), years.end(), 50.5);
  test::expect_error<DataError>(
      [&] {
        read_labels(cohort_with({{"age", years}}), {.name = "age", .task = Task::kClassification});
      },
      {"column 'age' has 24 different numbers for 24 scans", "an amount is predicted with task=regression"});
}

TEST_F(Labels, CodesOfUkBiobankThatAreLeftAreNamed) {
  const std::string codes = left_ukb_codes({"1160-2.0", Numbers{7, -3, 8, -3, -1}});
  EXPECT_NE(codes.find("'1160-2.0'"), std::string::npos) << codes;
  EXPECT_NE(codes.find("(-3: 2, -1: 1)"), std::string::npos) << codes;
  EXPECT_EQ(left_ukb_codes({"1160-2.0", Numbers{7, kNan, 8}}), "");
  EXPECT_EQ(left_ukb_codes({"age", Numbers{7, -3, 8}}), "") << "no field of UK Biobank";
  EXPECT_NE(left_ukb_codes({"99999-2.0", Numbers{7, -3, 8}}), "") << "not in the list, but looks like one";
  EXPECT_EQ(left_ukb_codes({"99999-2.0", Numbers{7.5, -3.2, 8}}), "") << "amounts";
}

}  // namespace
}  // namespace brainmt::task

// What --dry-run says about the data, and the names of classes, for cohorts worked out by hand.
#include "task/describe_data.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/temporary_directory.hpp"
#include "task/class_names.hpp"
#include "train/tiny_cohort.hpp"

namespace brainmt::task {

using namespace train;
namespace {

using Texts = std::vector<std::string>;
using Numbers = std::vector<double>;

class DescribeData : public testing::Test {
 protected:
  io::Cohort cohort_with(std::vector<io::PhenotypeColumn> columns, int scans, double second_tr = 0.8) {
    test::write_tiny_cohort(MPI_COMM_SELF, directory_ / "c.h5", scans, false, [&](io::CohortLayout& layout) {
      layout.phenotypes = columns;
      layout.scans[1].repetition_time = second_tr;
    });
    return io::Cohort(directory_ / "c.h5");
  }
  std::array<std::string, 2> names(const io::PhenotypeColumn& column, const std::string& positive = "") {
    const int scans = static_cast<int>(std::visit([](const auto& v) { return v.size(); }, column.values));
    return class_names(cohort_with({column}, scans),
                       {.name = column.name, .task = Task::kClassification, .positive = positive});
  }
  test::TemporaryDirectory directory_;
};

TEST_F(DescribeData, ClassesHaveTheNamesOfTheirValues) {
  using Pair = std::array<std::string, 2>;
  EXPECT_EQ(names({"sex", Texts{"M", "F", "F"}}), (Pair{"female", "male"}));
  EXPECT_EQ(names({"31-0.0", Numbers{0, 1, 1}}), (Pair{"female", "male"}));
  EXPECT_EQ(names({"sex", Numbers{1, 2, 1}}, "2"), (Pair{"female", "male"}));
  EXPECT_EQ(names({"sex", Texts{"M", "F", "F"}}, "F"), (Pair{"male", "female"}));
  EXPECT_EQ(names({"group", Texts{"patient", "control", ""}}, "patient"), (Pair{"control", "patient"}));
  EXPECT_EQ(names({"smoker", Numbers{0, 1, 1}}), (Pair{"0", "1"}));
}

TEST_F(DescribeData, SaysWhoIsLeftOutAndHowTheTargetIsSpread) {
  // Scans have 6 or 7 frames by turns; two subjects have no age, of the others the even ones are too short.
  Numbers age;
  for (int s = 0; s < 40; ++s) age.push_back(s < 2 ? std::nan("") : 20 + s);
  const io::Cohort cohort = cohort_with({{"age", age}}, 40);
  const TaskSettings task{.targets = {{.name = "age", .task = Task::kRegression}}};
  const TrainingData training = prepare_training_data(cohort, task, {}, 7);
  EXPECT_EQ(describe_left_out(training, 7),
            "left out     2 without age, 19 with scans shorter than 7 frames, 0 not in the split; 0 scans in "
            "quarantine\n");
  const std::string labels = describe_labels(training);
  EXPECT_TRUE(labels.starts_with("age          train ")) << labels;
  for (const char* part : {"; val ", "; test ", "mean ", "sd "}) EXPECT_NE(labels.find(part), std::string::npos);
}

TEST_F(DescribeData, CountsTheClassesOfEachPart) {
  const io::Cohort cohort = cohort_with({{"sex", Texts(Texts{"M", "F", "M", "F", "M", "F", "M", "F", "M", "F"})}}, 10);
  const TaskSettings task{.targets = {{.name = "sex", .task = Task::kClassification}}};
  const SplitSettings split{.plan = {.fractions = {0.6, 0.2, 0.2}}};
  EXPECT_EQ(describe_labels(prepare_training_data(cohort, task, split, 4)),
            "sex          train 3 female, 3 male (50 %); val 1 female, 1 male (50 %); test 1 female, 1 male (50 %)\n");
}

TEST_F(DescribeData, ARegressionOfTwoValuesIsWarnedOf) {
  const auto warnings = [&](const Numbers& values) {
    const TaskSettings task{.targets = {{.name = "x", .task = Task::kRegression}}};
    const auto cohort = cohort_with({{"x", values}}, 10);
    return prepare_training_data(cohort, task, {.plan = {.fractions = {0.6, 0.2, 0.2}}}, 4).warnings;
  };
  const auto said = warnings({0, 1, 0, 1, 0, 1, 0, 1, 0, 1});
  ASSERT_EQ(said.size(), 1U);
  EXPECT_NE(said.front().find("a regression of two values (0 and 1): task=classification"), std::string::npos);
  EXPECT_TRUE(warnings({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}).empty());
}

TEST_F(DescribeData, AWindowHasMinutes) {
  EXPECT_EQ(describe_window(cohort_with({{"age", Numbers{1, 2}}}, 2), 150), "150 frames of 0.8 s: 2 minutes");
  EXPECT_EQ(describe_window(cohort_with({{"age", Numbers{1, 2}}}, 2, 1.6), 150),
            "150 frames of 0.8 to 1.6 s: 2 to 4 minutes");
}

}  // namespace
}  // namespace brainmt::task

// Sessions of a participant whose values differ: means of numbers with one warning, classes and texts refused.
#include "task/session_values.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "task/training_data.hpp"
#include "train/tiny_cohort.hpp"

namespace brainmt::task {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
using Texts = std::vector<std::string>;
using Numbers = std::vector<double>;

// Three participants with two scans each, of 6 and 7 frames.
class Sessions : public testing::Test {
 protected:
  io::Cohort cohort_with(std::vector<io::PhenotypeColumn> columns) {
    test::write_tiny_cohort(MPI_COMM_SELF, directory_ / "c.h5", 6, false, [&](io::CohortLayout& layout) {
      for (std::size_t scan = 0; scan < layout.scans.size(); ++scan)
        layout.scans[scan].participant_id = fmt::format("sub-{}", scan / 2);
      layout.phenotypes = columns;
    });
    return io::Cohort(directory_ / "c.h5");
  }
  static Dataset data(const io::Cohort& cohort, Target target, std::int64_t frames = 4, DatasetColumns columns = {}) {
    return {cohort, {std::move(target)}, frames, std::move(columns)};
  }
  static Numbers labels(const Dataset& data) {
    Numbers values;
    for (const Subject& subject : data.subjects()) values.push_back(subject.labels.front());
    return values;
  }
  const Target age_{.name = "age", .task = Task::kRegression};
  test::TemporaryDirectory directory_;
};

TEST_F(Sessions, NumbersThatDifferBecomeTheirMean) {
  const io::Cohort cohort = cohort_with({{"age", Numbers{50, 53, 60.1, 60.1, 70, kNan}}});
  const Dataset dataset = data(cohort, age_);
  EXPECT_EQ(labels(dataset), (Numbers{51.5, 60.1, 70}));
  const auto warnings = session_warnings(dataset);
  ASSERT_EQ(warnings.size(), 1U);
  for (const char* part : {"'age' differs", "of 1 participant (by up to 3,", "sub-0)", "session="})
    EXPECT_NE(warnings.front().find(part), std::string::npos) << warnings.front();
}

TEST_F(Sessions, WarnOnceOfAColumnWithCountAndWidest) {
  const io::Cohort cohort = cohort_with({{"age", Numbers{50, 53, 60, 55.5, 70, 70}}});
  const TrainingData training = prepare_training_data(cohort, {.targets = {{.name = "age", .task = Task::kRegression}}},
                                                      {.plan = {.fractions = {1, 0, 0}}}, 4);
  ASSERT_EQ(training.warnings.size(), 1U);
  for (const char* part : {"of 2 participants", "up to 4.5,", "sub-1)"})
    EXPECT_NE(training.warnings.front().find(part), std::string::npos) << training.warnings.front();
}

TEST_F(Sessions, EqualNumbersAreNotRounded) {
  const Numbers values(3, 0.1);  // 0.1 + 0.1 + 0.1 is not 3 times 0.1
  EXPECT_EQ(mean_of_scans(values, {0, 1, 2}), 0.1);
}

TEST_F(Sessions, ScansThatAreTooShortCountAsWell) {
  // The first scans have 6 frames, the second 7.
  const io::Cohort cohort = cohort_with({{"age", Numbers{50, 53, 60, kNan, 70, 72}}});
  EXPECT_EQ(labels(data(cohort, age_, 7)), (Numbers{51.5, 60, 71}));
}

TEST_F(Sessions, OnlyParticipantsInUseAreWarnedOf) {
  const io::Cohort cohort =
      cohort_with({{"age", Numbers{50, 53, 60, 61, 70, 70}}, {"bmi", Numbers{20, 20, kNan, kNan, 25, 25}}});
  const auto warnings = session_warnings(data(cohort, age_, 4, {.confounds = {"bmi"}}));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings.front().find("of 1 participant "), std::string::npos) << warnings.front();
}

TEST_F(Sessions, ConfoundsThatDifferBecomeTheirMean) {
  const io::Cohort cohort = cohort_with({{"age", Numbers{1, 1, 2, 2, 3, 3}}, {"bmi", Numbers{20, 22, 30, 30, 25, 25}}});
  const Dataset dataset = data(cohort, age_, 4, {.confounds = {"bmi"}});
  EXPECT_EQ(std::get<double>(dataset.subjects().front().confounds.front()), 21);
  const auto warnings = session_warnings(dataset);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(warnings.front().starts_with("'bmi' differs"));
}

TEST_F(Sessions, ClassesAndTextsThatDifferAreRefusedWithTheRemedy) {
  const io::Cohort cohort = cohort_with({{"age", Numbers{1, 1, 2, 2, 3, 3}},
                                         {"sex", Texts{"M", "male", "F", "F", "M", "F"}},
                                         {"site", Texts{"A", "A", "B", "C", "", "A"}}});
  test::expect_error<DataError>([&] { data(cohort, {.name = "sex", .task = Task::kClassification}); },
                                {"sub-2", "sex = 'M'", "'F' for another", "session=", "empty"});
  for (const DatasetColumns& columns :
       {DatasetColumns{.confounds = {"site"}, .group = ""}, DatasetColumns{.confounds = {}, .group = "site"}})
    test::expect_error<DataError>([&] { data(cohort, age_, 4, columns); },
                                  {"sub-1", "site = 'B'", "'C' for another", "session="});
}

TEST_F(Sessions, SpellingsOfOneClassAgree) {
  const io::Cohort cohort = cohort_with({{"sex", Texts{"M", "male", "F", "", "1", "M"}}});
  EXPECT_EQ(labels(data(cohort, {.name = "sex", .task = Task::kClassification})), (Numbers{1, 0, 1}));
}

}  // namespace
}  // namespace brainmt::task

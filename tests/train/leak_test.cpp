// Nothing is learnt from validation and test participants: with other targets and confounds of theirs, training gives
// the same bits.
#include <gtest/gtest.h>

#include <algorithm>

#include "comm/self_communicator.hpp"
#include "train/run_support.hpp"

namespace brainmt::train {

using namespace task;

namespace {

namespace fs = std::filesystem;
constexpr int kSubjects = 24;

// Numbers of the subjects whose values are changed: those outside the training part.
using Outside = std::vector<std::string>;

class Leak : public testing::Test {
 protected:
  // Score, age and site of every participant; those in `leaking` have others that would pull every fit away.
  io::Cohort cohort(const std::string& name, const Outside& leaking) {
    const auto change = [&](io::CohortLayout& layout) {
      std::vector<double> score, age;
      std::vector<std::string> site, sex;
      for (io::CohortScan& scan : layout.scans) {
        const auto i = static_cast<std::uint64_t>(std::stoi(scan.participant_id.substr(4)));
        Philox random(21, 1, i);
        const bool leaks = std::ranges::find(leaking, scan.participant_id) != leaking.end();
        score.push_back(100 + 15 * random.normal() + (leaks ? 1000 : 0));
        age.push_back(60 + 10 * random.normal() - (leaks ? 500 : 0));
        site.push_back(leaks ? "elsewhere" : i % 3 == 0 ? "a" : "b");
        sex.push_back((i % 2 == 0) == leaks ? "M" : "F");
        scan.mean_fd = leaks ? 30 : 0.1 + 0.01 * static_cast<double>(i);
      }
      layout.phenotypes = {{"score", score}, {"age", age}, {"site", site}, {"sex", sex}};
    };
    test::write_tiny_cohort(MPI_COMM_SELF, where_ / name, kSubjects, /*second_runs=*/true, change);
    return io::Cohort(where_ / name);
  }

  TrainSettings settings(const std::string& name, const TaskSettings& task) {
    TrainSettings s = test::tiny_settings(where_ / name);
    s.task = task;
    s.split.file = where_ / "split.json";
    s.loop.max_steps = 3;
    return s;
  }

  // Trains some steps on both cohorts, which differ outside the training part only.
  void expect_same_training(const TaskSettings& task) {
    const io::Cohort clean = cohort("clean.h5", {});
    const TrainingData before = prepare_training_data(clean, task, {}, 4);
    save_split(before.split, where_ / "split.json");
    Outside outside = before.split.of(Part::kVal);
    outside.insert(outside.end(), before.split.of(Part::kTest).begin(), before.split.of(Part::kTest).end());
    ASSERT_GE(outside.size(), 6u);

    const io::Cohort leaking = cohort("leaking.h5", outside);
    const TrainingData after = prepare_training_data(leaking, task, {.file = where_ / "split.json"}, 4);
    ASSERT_NE(before.sha256, after.sha256) << "the labels were changed";
    EXPECT_EQ(describe_task(before.task), describe_task(after.task)) << "scaling, coding or coefficients";
    for (const std::size_t i : before.part(Part::kTrain))
      EXPECT_EQ(before.data.subjects()[i].labels, after.data.subjects()[i].labels);

    comm::SelfCommunicator alone;
    const TrainSettings a = settings("clean", task), b = settings("leaking", task);
    ASSERT_EQ(train(a, clean, alone), Outcome::kStepLimit);
    ASSERT_EQ(train(b, leaking, alone), Outcome::kStepLimit);
    test::expect_same_tensors(a.run_dir, b.run_dir);
  }

  test::TemporaryDirectory where_;
};

TEST_F(Leak, RegressionWithConfounds) {
  expect_same_training(
      {.targets = {{.name = "score", .task = Task::kRegression}}, .confounds = {"age", "site", "mean_fd"}});
}

TEST_F(Leak, Multitask) {
  expect_same_training({.is_multitask = true, .targets = {{.name = "score"}, {.name = "sex"}, {.name = "age"}}});
}

}  // namespace
}  // namespace brainmt::train

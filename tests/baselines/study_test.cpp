// Baselines on the people of a split: who is fitted, what they give, and that nobody else has a say in it.
#include "baselines/study.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/philox.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "task/metrics.hpp"
#include "train/tiny_cohort.hpp"

namespace brainmt::baselines {
namespace {

constexpr int kSubjects = 80;
constexpr std::size_t kEdges = 120;

class BaselineStudy : public testing::Test {
 protected:
  // Sex and age stand in the edges, families are pairs, site is a text with gaps, motion is known.
  void write_cohort(const std::function<void(io::CohortLayout&)>& change = {}) {
    test::write_tiny_cohort(MPI_COMM_SELF, directory_ / "c.h5", kSubjects, false, [&](io::CohortLayout& layout) {
      std::vector<std::string> family, site;
      auto& age = std::get<std::vector<double>>(layout.phenotypes[1].values);
      Philox random(11, 1);
      for (int s = 0; s < kSubjects; ++s) {
        family.push_back(fmt::format("f{}", s / 2));
        site.push_back(s % 10 == 0 ? "" : s % 3 == 0 ? "north" : "south");
        age[static_cast<std::size_t>(s)] = 50 + 10 * random.normal();
        layout.scans[static_cast<std::size_t>(s)].mean_fd = random.uniform();
      }
      layout.phenotypes.push_back({"family", family});
      layout.phenotypes.push_back({"site", site});
      if (change) change(layout);
    });
    cohort_.emplace(directory_ / "c.h5");
    connectivity_ = {.values = {}, .edges = kEdges, .row_of = {}, .edge_names = {}};
    const auto& age = std::get<std::vector<double>>(cohort_->phenotype("age")->values);
    for (int s = 0; s < kSubjects; ++s) {
      Philox random(5, 2, static_cast<std::uint64_t>(s));
      const bool male = s % 2 == 0;
      for (std::size_t e = 0; e < kEdges; ++e)
        connectivity_.values.push_back(
            static_cast<float>(random.normal() + (e < 20 && male ? 1.2 : 0.0) +
                               (e >= 100 ? 0.1 * (age[static_cast<std::size_t>(s)] - 50) : 0.0)));
      connectivity_.row_of[fmt::format("sub-{:03}", s)] = static_cast<std::size_t>(s);
    }
    for (std::size_t e = 0; e < kEdges; ++e) connectivity_.edge_names.push_back(fmt::format("{}\t{}\ta\tb", e, e));
  }

  task::TrainingData data(bool multitask = false, const std::string& target = "sex") const {
    task::TaskSettings task{.is_multitask = multitask, .targets = {}};
    if (multitask)
      task.targets = {{.name = "sex", .task = task::Task::kClassification},
                      {.name = "age", .task = task::Task::kRegression}};
    else
      task.targets = {
          {.name = target, .task = target == "sex" ? task::Task::kClassification : task::Task::kRegression}};
    task::SplitSettings split;
    split.plan.group = "family";
    return task::prepare_training_data(*cohort_, task, split, 4);
  }

  test::TemporaryDirectory directory_;
  std::optional<io::Cohort> cohort_;
  Connectivity connectivity_;
};

double auroc_of(const task::TrainingData& data, const FittedTarget& fit) {
  std::vector<double> truth, score;
  for (const std::size_t i : data.part(task::Part::kTest)) {
    truth.push_back(data.data.subjects()[i].labels[fit.target]);
    score.push_back(*fit.output[i]);
  }
  return task::classification_metrics(truth, score, 0).auroc;
}

TEST_F(BaselineStudy, ModelsOnConnectivityFindSexAndAge) {
  write_cohort();
  const task::TrainingData people = data(/*multitask=*/true);
  Study study(people, &connectivity_, {.models = {"ridge", "krr", "logistic"}});
  for (const std::string& model : study.models()) {
    const FittedModel fitted = study.fit(model);
    ASSERT_EQ(fitted.targets.size(), model == "logistic" ? 1u : 2u);
    EXPECT_GT(auroc_of(people, fitted.targets[0]), 0.9) << model;
    if (model == "logistic") continue;
    std::vector<double> truth, predicted;
    for (const std::size_t i : people.part(task::Part::kTest)) {
      truth.push_back(people.data.subjects()[i].labels[1]);
      predicted.push_back(*fitted.targets[1].output[i]);
    }
    const auto metrics = task::regression_metrics(truth, predicted);
    EXPECT_GT(metrics.pearson_r, 0.8) << model;
    EXPECT_LT(metrics.mae, 6) << model;  // in years
  }
}

TEST_F(BaselineStudy, TheMeanIsThatOfTheTrainingPeople) {
  write_cohort();
  const task::TrainingData people = data(true);
  const FittedModel fitted = Study(people, nullptr, {.models = {"mean"}}).fit("mean");
  double share = 0, age = 0;
  const auto& train = people.part(task::Part::kTrain);
  for (const std::size_t i : train) {
    share += people.data.subjects()[i].labels[0] / static_cast<double>(train.size());
    age += people.data.subjects()[i].labels[1] / static_cast<double>(train.size());
  }
  EXPECT_NEAR(*fitted.targets[0].output[3], std::log(share / (1 - share)), 1e-12);
  EXPECT_NEAR(*fitted.targets[1].output[3], age, 1e-12);
}

TEST_F(BaselineStudy, ConfoundsAreThoseThatTheCohortHasButTheTarget) {
  write_cohort();
  const task::TrainingData people = data();
  EXPECT_EQ(usual_confounds(people), (std::vector<std::string>{"age", "site", "mean_fd"}));
  Study study(people, nullptr, {});
  EXPECT_EQ(study.models(), (std::vector<std::string>{"mean", "confounds"}));
  EXPECT_EQ(study.fit("confounds").terms, (std::vector<std::string>{"age", "site=north", "mean_fd"}));
}

TEST_F(BaselineStudy, ConfoundsThatSayEverythingAreFound) {
  write_cohort([](io::CohortLayout& layout) {
    auto& age = std::get<std::vector<double>>(layout.phenotypes[1].values);
    for (std::size_t s = 0; s < age.size(); ++s) age[s] = 50 + 30 * layout.scans[s].mean_fd;
  });
  const task::TrainingData people = data(false, "age");
  const FittedModel fitted = Study(people, nullptr, {.confounds = {"mean_fd", "site"}}).fit("confounds");
  for (const std::size_t i : people.part(task::Part::kTest))
    EXPECT_NEAR(*fitted.targets[0].output[i], people.data.subjects()[i].labels[0], 0.2);
}

TEST_F(BaselineStudy, MissingConfoundsCountAsTheTypicalTrainingPerson) {
  write_cohort();
  const task::TrainingData people = data();
  const ConfoundColumns columns = confound_columns(people, {"site"}, people.part(task::Part::kTrain));
  ASSERT_EQ(columns.terms, (std::vector<std::string>{"site=north"}));
  EXPECT_EQ(columns.values.at(0), 0.0);  // sub-000 has none
  EXPECT_EQ(columns.values.at(3), 1.0);
}

// Test people get other features, other labels and other confounds: what was fitted keeps its bits.
TEST_F(BaselineStudy, TestPeopleHaveNoSayInWhatIsFitted) {
  std::vector<std::string> models{"mean", "confounds", "ridge", "krr", "logistic"};
  if (has_xgboost()) models.emplace_back("xgboost");
  const StudySettings settings{.models = models, .boosted = {.depth = {2}, .eta = {0.3}, .lambda = {1}, .rounds = 10}};
  const auto fitted = [&](const task::TrainingData& people) {
    std::string all;
    Study study(people, &connectivity_, settings);
    for (const std::string& model : models)
      for (const FittedTarget& fit : study.fit(model).targets) {
        for (const Tensor64& tensor : fit.tensors)
          for (const double value : tensor.values) all += fmt::format("{} {:a}\n", tensor.name, value);
        for (const TextTable* table : {&fit.coefficients, &fit.choice})
          for (const std::string& line : table->lines) all += line + "\n";
        all += fit.trees + fit.facts;
      }
    return all;
  };
  write_cohort();
  const task::TrainingData people = data(true);
  const std::string before = fitted(people);
  EXPECT_EQ(fitted(people), before);

  std::vector<std::string> test_ids = people.split.of(task::Part::kTest);
  task::save_split(people.split, directory_ / "split.json");
  std::filesystem::remove(directory_ / "c.h5");
  cohort_.reset();
  write_cohort([&](io::CohortLayout& layout) {
    for (std::size_t s = 0; s < layout.scans.size(); ++s) {
      if (!std::ranges::binary_search(test_ids, layout.scans[s].participant_id)) continue;
      auto& sex = std::get<std::vector<std::string>>(layout.phenotypes[0].values)[s];
      sex = sex == "M" ? "F" : "M";
      std::get<std::vector<double>>(layout.phenotypes[1].values)[s] = 1e4;
      std::get<std::vector<std::string>>(layout.phenotypes[3].values)[s] = "elsewhere";
      layout.scans[s].mean_fd = 77;
    }
  });
  for (const std::string& id : test_ids)
    for (std::size_t e = 0; e < kEdges; ++e)
      connectivity_.values[connectivity_.row_of.at(id) * kEdges + e] =
          e % 9 == 0 ? std::numeric_limits<float>::quiet_NaN() : -50.0F;
  // Connectivity of the others is that of before: age of test people alone has changed.
  task::TaskSettings task{.is_multitask = true,
                          .targets = {{.name = "sex", .task = task::Task::kClassification},
                                      {.name = "age", .task = task::Task::kRegression}}};
  task::SplitSettings split{.file = directory_ / "split.json", .run_dir = {}, .plan = {}};
  split.plan.group = "family";
  EXPECT_EQ(fitted(task::prepare_training_data(*cohort_, task, split, 4)), before);
}

TEST_F(BaselineStudy, PeopleWithoutConnectivityHaveNoOutput) {
  write_cohort();
  const task::TrainingData people = data();
  const std::size_t test = people.part(task::Part::kTest).front(), train = people.part(task::Part::kTrain).front();
  connectivity_.row_of.erase(people.data.subjects()[test].id);
  connectivity_.row_of.erase(people.data.subjects()[train].id);
  const FittedModel fitted = Study(people, &connectivity_, {.models = {"krr"}}).fit("krr");
  EXPECT_FALSE(fitted.targets[0].output[test].has_value());
  EXPECT_EQ(nlohmann::json::parse(fitted.targets[0].facts)["n"], people.part(task::Part::kTrain).size() - 1);
}

TEST_F(BaselineStudy, ValidationPeopleAreFittedOnlyWhenAskedFor) {
  write_cohort();
  const task::TrainingData people = data();
  const auto count = [&](bool use_val) {
    StudySettings settings{.models = {"logistic"}, .use_val = use_val};
    return nlohmann::json::parse(Study(people, &connectivity_, settings).fit("logistic").targets[0].facts)["n"]
        .get<std::size_t>();
  };
  EXPECT_EQ(count(false), people.part(task::Part::kTrain).size());
  EXPECT_EQ(count(true), people.part(task::Part::kTrain).size() + people.part(task::Part::kVal).size());
}

TEST_F(BaselineStudy, RefusesModelsThatMakeNoSense) {
  write_cohort();
  const task::TrainingData people = data(), ages = data(false, "age");
  test::expect_error<UsageError>([&] { Study(people, nullptr, {.models = {"rigde"}}); }, {"'ridge'", "krr"});
  test::expect_error<UsageError>([&] { Study(people, nullptr, {.models = {"krr"}}); }, {"fc="});
  test::expect_error<UsageError>([&] { Study(ages, &connectivity_, {.models = {"logistic"}}); }, {"classes"});
  if (!has_xgboost())
    test::expect_error<UsageError>([&] { Study(people, &connectivity_, {.models = {"xgboost"}}); }, {"libxgboost-dev"});
}

TEST_F(BaselineStudy, WithoutNamesFitsWhatSuitsTheTask) {
  write_cohort();
  using Texts = std::vector<std::string>;
  EXPECT_EQ(Study(data(), &connectivity_, {}).models(), (Texts{"mean", "confounds", "krr", "logistic"}));
  EXPECT_EQ(Study(data(false, "age"), &connectivity_, {}).models(), (Texts{"mean", "confounds", "ridge", "krr"}));
  EXPECT_EQ(Study(data(true), &connectivity_, {}).models(), (Texts{"mean", "confounds", "ridge", "krr", "logistic"}));
}

}  // namespace
}  // namespace brainmt::baselines

// Several targets at once, with missing labels: the loss does not depend on how samples are spread, one target is what
// a run with one target is, and runs resume. A job of four ranks; smaller numbers are sub-communicators.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "run/checkpoint_files.hpp"
#include "task/training_batches.hpp"
#include "train/run_support.hpp"
#include "train/validation.hpp"

namespace brainmt::train {

using namespace run;
using namespace task;
namespace {

namespace fs = std::filesystem;
using comm::Determinism;

constexpr int kSubjects = 20;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class Multitask : public testing::Test {
 protected:
  // Sex is missing in every third subject, cognition in every fourth; subject 12 has neither. Second runs.
  Multitask() {
    test::write_tiny_cohort(MPI_COMM_WORLD, where_ / "cohort.h5", kSubjects, /*second_runs=*/true,
                            [](io::CohortLayout& layout) {
                              std::vector<std::string> sex;
                              std::vector<double> cognition;
                              for (const io::CohortScan& scan : layout.scans) {
                                const int i = std::stoi(scan.participant_id.substr(4));
                                sex.push_back(i % 3 == 0 ? "" : i % 2 == 0 ? "M" : "F");
                                cognition.push_back(i % 4 == 0 ? kNan : 100.0 + 3 * (i % 7));
                              }
                              layout.phenotypes[0].values = sex;
                              layout.phenotypes.push_back({"cognition", cognition});
                            });
    cohort_ = std::make_unique<io::Cohort>(where_ / "cohort.h5");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  }

  static TaskSettings both() {
    return {.is_multitask = true,
            .targets = {{.name = "sex", .task = Task::kClassification, .weight = 0.5},
                        {.name = "cognition", .task = Task::kRegression, .weight = 2}}};
  }

  TrainSettings settings(const std::string& name, const TaskSettings& task) const {
    TrainSettings s = test::tiny_settings(where_ / name);
    s.task = task;
    s.optimizer.eps = 0.1;  // keeps AdamW smooth where rounding would turn a step around
    return s;
  }

  // A global batch of 4 on `ranks` ranks.
  fs::path train_on(int ranks, Determinism determinism, int batch_size, const std::string& name,
                    const TaskSettings& task) {
    TrainSettings s = settings(name, task);
    s.step.batches.batch_size = batch_size;
    s.step.batches.accumulate = 4 / (ranks * batch_size);
    s.step.batches.by_sample = determinism == comm::Determinism::kWorld;
    test::SubCommunicator sub(ranks);
    if (sub.get()) {
      EXPECT_EQ(train(s, *cohort_, *sub.get()), Outcome::kFinished);
    }
    return s.run_dir;
  }

  TrainingData data() const { return prepare_training_data(*cohort_, both(), {}, 4); }

  test::SharedDirectory where_;
  std::unique_ptr<io::Cohort> cohort_;
  int rank_ = 0;
};

TEST_F(Multitask, SubjectsNeedOneLabelAndEachTargetIsScaledByItsOwn) {
  const TrainingData training = data();
  EXPECT_EQ(training.data.without_label(), 2u) << "0 and 12";
  EXPECT_EQ(training.data.subjects().size(), kSubjects - 2u);
  EXPECT_EQ(training.data.missing(0), 5u) << "3, 6, 9, 15 and 18";
  EXPECT_EQ(training.data.missing(1), 3u) << "4, 8 and 16";
  double sum = 0, count = 0;
  for (const std::size_t i : training.part(Part::kTrain)) {
    const Subject& subject = training.data.subjects()[i];
    if (!subject.has_label(1)) continue;
    sum += subject.labels[1];
    ++count;
  }
  EXPECT_NEAR(training.task.targets[1].scaling.mean, sum / count, 1e-12);
  EXPECT_EQ(training.task.targets[0].scaling.std, 1) << "classes are not scaled";
}

TEST_F(Multitask, WeightsOfAGlobalBatchAddUpToTheTargetsWhereverItsSamplesAre) {
  const TrainingData training = data();
  for (const int ranks : {1, 2, 4}) {
    std::int64_t steps = 1;
    for (std::int64_t step = 0; step < steps; ++step) {
      std::array<double, 2> sums{};
      std::array<std::set<float>, 2> different;
      for (int rank = 0; rank < ranks; ++rank) {
        const BatchPlan plan{.settings = {.seed = 3, .batch_size = 1, .accumulate = 4 / ranks},
                             .rank = rank,
                             .ranks = ranks,
                             .first_step = step,
                             .end_step = step + 1,
                             .input = windows_of(*cohort_, 4)};
        steps = order_of(plan, training).steps_per_epoch();
        TrainingBatches batches(training, plan);
        for (int micro = 0; micro < plan.settings.micro_steps(); ++micro) {
          const MicroBatch batch = batches.next(step, micro);
          ASSERT_EQ(batch.weights.size(), 2 * batch.samples.size());
          for (std::size_t i = 0; i < batch.weights.size(); ++i) {
            sums[i % 2] += batch.weights[i];
            if (batch.weights[i] != 0) different[i % 2].insert(batch.weights[i]);
          }
        }
      }
      EXPECT_NEAR(sums[0], 0.5, 1e-6) << ranks << " ranks, step " << step;
      EXPECT_NEAR(sums[1], 2.0, 1e-6) << ranks << " ranks, step " << step;
      EXPECT_LE(different[0].size(), 1u) << "every label of a target counts the same";
      EXPECT_LE(different[1].size(), 1u);
    }
  }
}

TEST_F(Multitask, LearnedWeightsMoveAndDoNotDependOnTheSplitIntoRanks) {
  TaskSettings task = both();
  for (TargetRequest& target : task.targets) target.weight = 1;
  task.learns_weights = true;
  const auto world = Determinism::kWorld;
  const fs::path one = train_on(1, world, 4, "auto-1x4", task), four = train_on(4, world, 1, "auto-4x1", task);
  if (rank_ != 0) return;
  test::expect_same_tensors(one, four);
  const auto file =
      io::SafetensorsFile::open(one / "checkpoints" / run::step_name(test::newest_step(one)) / run::kModelFile);
  std::vector<float> learned(2);
  file.read_f32("objective.log_variance", learned);
  EXPECT_NE(learned[0], 0.0f);
  EXPECT_NE(learned[1], 0.0f);
  EXPECT_NE(learned[0], learned[1]);
}

TEST_F(Multitask, RanksTimesBatchIsWhatCounts) {
  const auto mode = Determinism::kRank;
  const fs::path one = train_on(1, mode, 4, "1x4", both()), two = train_on(2, mode, 2, "2x2", both()),
                 four = train_on(4, mode, 1, "4x1", both()), steps = train_on(1, mode, 1, "1x1x4", both());
  if (rank_ != 0) return;
  const std::int64_t last = test::newest_step(one);
  const auto made = settings("", both())
                        .model.make(data_spec(settings("", both()).model, *cohort_, 2), DType::kF32,
                                    models::Model::Memory::kAllocate);
  models::Model& model = *made;
  model.initialise(42);
  test::Weights initial;
  for (const nn::Parameter& p : model.parameters().all()) {
    const std::vector<double> values = p.value.to_host();
    initial[p.name].assign(values.begin(), values.end());
  }
  const test::Weights reference = test::weights_at(one, last);
  for (const fs::path& other : {two, four, steps})
    EXPECT_LT(test::relative_difference(reference, test::weights_at(other, last), initial), 1e-5) << other;
}

TEST_F(Multitask, DeterministicWorldGivesTheSameBitsOnAnyNumber) {
  const auto mode = Determinism::kWorld;
  const fs::path one = train_on(1, mode, 1, "w1", both()), two = train_on(2, mode, 1, "w2", both()),
                 four = train_on(4, mode, 1, "w4", both());
  if (rank_ != 0) return;
  test::expect_same_tensors(one, two);
  test::expect_same_tensors(one, four);
}

TEST_F(Multitask, OneTargetIsTheSingleTaskRunBitForBit) {
  for (const auto& [name, kind] : {std::pair{"cognition", Task::kRegression}, {"sex", Task::kClassification}}) {
    const TaskSettings single{.targets = {{.name = name, .task = kind}}};
    const TaskSettings multi{.is_multitask = true, .targets = {{.name = name}}};
    const fs::path a = train_on(2, Determinism::kRank, 2, fmt::format("single-{}", name), single),
                   b = train_on(2, Determinism::kRank, 2, fmt::format("multi-{}", name), multi);
    if (rank_ != 0) continue;
    const std::int64_t step = test::newest_step(a);
    ASSERT_EQ(step, test::newest_step(b));
    EXPECT_EQ(test::weights_at(a, step), test::weights_at(b, step)) << name;
    EXPECT_TRUE(test::read_file(test::checkpoint_of(a, step) / kOptimizerFile) ==
                test::read_file(test::checkpoint_of(b, step) / kOptimizerFile));
  }
}

TEST_F(Multitask, InterruptedEqualsUninterruptedAndTheLogsNameTheTargets) {
  test::SubCommunicator sub(2);
  if (!sub.get()) return;
  const TrainSettings full = settings("full", both());
  ASSERT_EQ(train(full, *cohort_, *sub.get()), Outcome::kFinished);
  TrainSettings part = settings("part", both());
  part.loop.max_steps = 2;
  ASSERT_EQ(train(part, *cohort_, *sub.get()), Outcome::kStepLimit);
  part.loop.max_steps = 0;
  ASSERT_EQ(train(part, *cohort_, *sub.get()), Outcome::kFinished);
  if (rank_ != 0) return;
  test::expect_same_run(full.run_dir, part.run_dir);

  std::istringstream lines(test::read_file(full.run_dir / "metrics.jsonl"));
  int validations = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto record = nlohmann::json::parse(line);
    const double sex = record.at("sex.loss"), cognition = record.at("cognition.loss");
    EXPECT_NEAR(record.at("loss").get<double>(), 0.5 * sex + 2 * cognition, 1e-6) << line;
    if (record.at("split") != "val") continue;
    ++validations;
    for (const char* metric : {"sex.auroc", "cognition.pearson_r"}) EXPECT_TRUE(record.contains(metric)) << line;
  }
  EXPECT_EQ(validations, full.schedule.epochs);
  const std::string table = test::read_file(full.run_dir / "metrics.csv");
  EXPECT_NE(table.substr(0, table.find('\n')).find(",cognition.pearson_r"), std::string::npos);
  const auto provenance = nlohmann::json::parse(test::read_file(full.run_dir / "provenance.json"));
  EXPECT_EQ(provenance[0]["task"]["targets"][1]["target"], "cognition");
}

TEST_F(Multitask, PredictionsDoNotDependOnBatchSizeOrRanks) {
  const TrainingData training = data();
  const auto made = settings("", both())
                        .model.make(data_spec(settings("", both()).model, *cohort_, 2), DType::kF32,
                                    models::Model::Memory::kAllocate);
  models::Model& model = *made;
  model.initialise(1);
  std::vector<std::size_t> subjects(training.data.subjects().size());
  for (std::size_t i = 0; i < subjects.size(); ++i) subjects[i] = i;
  std::vector<std::vector<SubjectOutput>> results;
  for (const int ranks : {1, 2, 4}) {
    test::SubCommunicator sub(ranks);
    if (sub.get()) results.push_back(predict(model, training.data, subjects, {.stride = 1, .batch = 1}, *sub.get()));
  }
  for (int repeat = 0; repeat < 2; ++repeat) {  // windows of several runs of a participant in one batch
    test::SubCommunicator sub(1);
    if (sub.get()) results.push_back(predict(model, training.data, subjects, {.stride = 1, .batch = 3}, *sub.get()));
  }
  const auto& reference = results.front();
  for (const auto& result : results) {
    ASSERT_EQ(result.size(), subjects.size());
    for (std::size_t i = 0; i < result.size(); ++i) {
      std::int64_t windows = 0;
      for (const std::size_t scan : training.data.subjects()[i].scans)
        windows += static_cast<std::int64_t>(cohort_->scans()[scan].frames) - 3;
      EXPECT_EQ(result[i].windows, windows);
      for (std::size_t k = 0; k < 2; ++k)
        EXPECT_NEAR(result[i].outputs[k], reference[i].outputs[k], 1e-5 * (1 + std::abs(reference[i].outputs[k])));
    }
  }
  if (rank_ != 0) return;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    for (std::size_t same : {std::size_t{1}, std::size_t{2}})
      EXPECT_EQ(results[same][i].outputs, reference[i].outputs) << "on more ranks";
    EXPECT_EQ(results[3][i].outputs, results[4][i].outputs) << "once more";
  }
}

}  // namespace
}  // namespace brainmt::train

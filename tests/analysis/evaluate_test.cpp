// evaluate(): one output per subject and target, averaged over all windows of all its runs.
#include "analysis/evaluate.hpp"

#include <gtest/gtest.h>

#include <map>

#include "comm/self_communicator.hpp"
#include "run/weights.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "task/window_stream.hpp"
#include "train/tiny_cohort.hpp"

namespace brainmt::analysis {
namespace {

constexpr int kSubjects = 9;
constexpr std::int64_t kStride = 2;

class Evaluate : public testing::Test {
 protected:
  Evaluate() {
    test::write_tiny_cohort(MPI_COMM_SELF, directory_ / "c.h5", kSubjects, /*second_runs=*/true);
    cohort_.emplace(directory_ / "c.h5");
    models::BrainMTConfig config = test::tiny_model();
    config.grid = {9, 8, 7};
    model_.emplace(config, DType::kF32);
    model_->initialise(11);
  }

  EvaluateSettings saved(const task::TaskDescription& task) {
    settings_.weights = directory_ / "model.safetensors";
    run::save_weights(settings_.weights, model_->parameters(),
                      {{run::kModelKey, run::describe_model(*model_)}, {task::kTaskKey, task::describe_task(task)}});
    settings_.predict.stride = kStride;
    settings_.split.plan.fractions = {0.5, 0.25, 0.25};
    return settings_;
  }

  double output_of(std::size_t scan, std::uint64_t first_frame) {
    bool asked = false;
    task::WindowStream stream(
        *cohort_,
        [&]() -> std::optional<io::WindowRequest> {
          if (std::exchange(asked, true)) return std::nullopt;
          return io::WindowRequest{scan, first_frame, static_cast<std::uint64_t>(model_->config().frames)};
        },
        model_->input(), 1, DType::kF32);
    autograd::Tape tape(autograd::Tape::Mode::kForget);
    return model_->forward(tape, autograd::Var(stream.take(1)), {}).prediction.value().to_host().at(0);
  }

  test::TemporaryDirectory directory_;
  std::optional<io::Cohort> cohort_;
  std::optional<models::BrainMT> model_;
  EvaluateSettings settings_;
  comm::SelfCommunicator alone_;
};

const task::TaskDescription kAge{
    .targets = {{.target = {.name = "age", .task = task::Task::kRegression}, .scaling = {50, 10}}}};
const task::TaskDescription kSex{.targets = {{.target = {.name = "sex", .task = task::Task::kClassification}}}};

TEST_F(Evaluate, AveragesAllWindowsOfAllRuns) {
  const Evaluation evaluation = evaluate(saved(kAge), *cohort_, alone_);
  ASSERT_EQ(evaluation.predictions.size(), static_cast<std::size_t>(kSubjects));
  // Windows of 4 frames, 2 apart, the last at the end: in 6 frames at 0 and 2, in 7 frames at 0, 2 and 3.
  const std::map<std::uint64_t, std::vector<std::uint64_t>> starts{{6, {0, 2}}, {7, {0, 2, 3}}};
  for (const Prediction& p : evaluation.predictions) {
    double sum = 0;
    std::int64_t windows = 0;
    for (std::size_t scan = 0; scan < cohort_->scans().size(); ++scan) {
      if (cohort_->scans()[scan].participant_id != p.participant_id) continue;
      const auto& of_scan = starts.at(cohort_->scans()[scan].frames);
      for (const std::uint64_t start : of_scan) sum += output_of(scan, start);
      windows += static_cast<std::int64_t>(of_scan.size());
    }
    // Runs of 6 and 7 frames have 2 and 3 windows: each window counts the same, not each run.
    EXPECT_DOUBLE_EQ(p.output, sum / static_cast<double>(windows)) << p.participant_id;
    EXPECT_DOUBLE_EQ(p.predicted, 50 + 10 * p.output) << "in original units";
    EXPECT_EQ(p.windows, windows) << p.participant_id;
  }
}

TEST_F(Evaluate, PartsTogetherAreAllSubjectsOnce) {
  EvaluateSettings settings = saved(kSex);
  std::map<std::string, int> seen;
  for (const task::Part part : task::kParts) {
    settings.part = part;
    for (const Prediction& p : evaluate(settings, *cohort_, alone_).predictions) {
      EXPECT_EQ(p.part, task::name_of(part));
      EXPECT_EQ(p.predicted, p.output >= 0 ? 1 : 0);
      ++seen[p.participant_id];
    }
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kSubjects));
  for (const auto& [id, count] : seen) EXPECT_EQ(count, 1) << id;
}

TEST_F(Evaluate, WeightsAloneGiveEveryTargetInItsUnits) {
  models::BrainMTConfig config = model_->config();
  config.outputs = 2;
  model_.emplace(config, DType::kF32);
  model_->initialise(5);
  const task::TaskDescription both{.is_multitask = true, .targets = {kSex.targets[0], kAge.targets[0]}};
  const Evaluation evaluation = evaluate(saved(both), *cohort_, alone_);
  ASSERT_EQ(evaluation.predictions.size(), 2u * kSubjects);
  for (std::size_t i = 0; i < evaluation.predictions.size(); i += 2) {
    const Prediction &sex = evaluation.predictions[i], &age = evaluation.predictions[i + 1];
    EXPECT_EQ(sex.participant_id, age.participant_id);
    EXPECT_EQ(sex.windows, age.windows);
    EXPECT_EQ(sex.predicted, sex.output >= 0 ? 1 : 0);
    EXPECT_DOUBLE_EQ(age.predicted, 50 + 10 * age.output);
    EXPECT_EQ(age.target, 1u);
  }
}

TEST_F(Evaluate, LabelsLoseTheConfoundsThatTheWeightsRemember) {
  task::TaskDescription task = kAge;
  task.confounds = task::fit_coding({"sex"}, {{"F"}, {"F"}, {"M"}});
  task.targets[0].adjustment = {.centre = {0.25}, .coefficients = {8}};  // of being M
  const Evaluation plain = evaluate(saved(kAge), *cohort_, alone_), adjusted = evaluate(saved(task), *cohort_, alone_);
  ASSERT_EQ(plain.predictions.size(), adjusted.predictions.size());
  for (std::size_t i = 0; i < plain.predictions.size(); ++i) {
    const bool male = std::stoi(plain.predictions[i].participant_id.substr(4)) % 2 == 0;
    EXPECT_DOUBLE_EQ(adjusted.predictions[i].truth, plain.predictions[i].truth - 8 * ((male ? 1 : 0) - 0.25));
    EXPECT_EQ(adjusted.predictions[i].predicted, plain.predictions[i].predicted);
  }
}

TEST_F(Evaluate, RefusesAModelWithAnotherNumberOfOutputs) {
  const task::TaskDescription both{.is_multitask = true, .targets = {kSex.targets[0], kAge.targets[0]}};
  test::expect_error<Error>([&] { evaluate(saved(both), *cohort_, alone_); }, {"1 outputs", "2 targets"});
}

TEST_F(Evaluate, RefusesACohortOnAnotherGridAndWeightsWithoutATask) {
  EvaluateSettings settings = saved(kSex);
  models::BrainMTConfig other = model_->config();
  other.grid = {9, 8, 9};
  run::save_weights(settings.weights, model_->parameters(),
                    {{run::kModelKey, run::describe_model(models::BrainMT(other, DType::kF32))},
                     {task::kTaskKey, task::describe_task(kSex)}});
  test::expect_error<Error>([&] { evaluate(settings, *cohort_, alone_); }, {"9x8x9", "9x8x7"});
  run::save_weights(settings.weights, model_->parameters(), {{run::kModelKey, run::describe_model(*model_)}});
  test::expect_error<Error>([&] { evaluate(settings, *cohort_, alone_); }, {"brainmt.task", "task="});
}

}  // namespace
}  // namespace brainmt::analysis

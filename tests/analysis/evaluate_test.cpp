// evaluate(): one output per subject, averaged over the windows of a run and then over the runs.
#include "analysis/evaluate.hpp"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "comm/self_communicator.hpp"
#include "support/expect_error.hpp"
#include "support/temporary_directory.hpp"
#include "train/tiny_cohort.hpp"
#include "train/weights.hpp"
#include "train/window_stream.hpp"

namespace brainmt::analysis {
namespace {

constexpr int kSubjects = 9;
constexpr std::int64_t kStride = 2;

class Evaluate : public testing::Test {
 protected:
  Evaluate() {
    test::write_tiny_cohort(MPI_COMM_SELF, directory_ / "c.h5", kSubjects, /*second_runs=*/true);
    cohort_.emplace(directory_ / "c.h5");
    models::BrainMTConfig config = test::tiny_settings({}).model;
    config.grid = {9, 8, 7};
    model_.emplace(config, DType::kF32);
    model_->initialise(11);
  }

  EvaluateSettings saved(const train::TaskDescription& task) {
    settings_.weights = directory_ / "model.safetensors";
    train::save_weights(
        settings_.weights, model_->parameters(),
        {{train::kModelKey, train::describe_model(model_->config())}, {train::kTaskKey, train::describe_task(task)}});
    settings_.predict.stride = kStride;
    settings_.split.fractions = {0.5, 0.25, 0.25};
    return settings_;
  }

  double output_of(std::size_t scan, std::uint64_t first_frame) {
    bool asked = false;
    train::WindowStream stream(
        *cohort_,
        [&]() -> std::optional<io::WindowRequest> {
          if (std::exchange(asked, true)) return std::nullopt;
          return io::WindowRequest{scan, first_frame, static_cast<std::uint64_t>(model_->config().frames)};
        },
        model_->config().frames, 1, DType::kF32);
    autograd::Tape tape(autograd::Tape::Mode::kForget);
    return model_->forward(tape, autograd::Var(stream.take(1)), {}).output.value().to_host().at(0);
  }

  test::TemporaryDirectory directory_;
  std::optional<io::Cohort> cohort_;
  std::optional<models::BrainMT> model_;
  EvaluateSettings settings_;
  comm::SelfCommunicator alone_;
};

const train::TaskDescription kAge{.task = train::Task::kRegression, .target = "age", .scaling = {50, 10}};
const train::TaskDescription kSex{.task = train::Task::kClassification, .target = "sex", .scaling = {}};

TEST_F(Evaluate, AveragesWindowsThenRuns) {
  const Evaluation evaluation = evaluate(saved(kAge), *cohort_, alone_);
  ASSERT_EQ(evaluation.predictions.size(), static_cast<std::size_t>(kSubjects));
  // Windows of 4 frames, 2 apart, the last at the end: in 6 frames at 0 and 2, in 7 frames at 0, 2 and 3.
  const std::map<std::uint64_t, std::vector<std::uint64_t>> starts{{6, {0, 2}}, {7, {0, 2, 3}}};
  for (const Prediction& p : evaluation.predictions) {
    std::vector<double> runs;
    std::int64_t windows = 0;
    for (std::size_t scan = 0; scan < cohort_->scans().size(); ++scan) {
      if (cohort_->scans()[scan].participant_id != p.participant_id) continue;
      const auto& of_scan = starts.at(cohort_->scans()[scan].frames);
      double sum = 0;
      for (const std::uint64_t start : of_scan) sum += output_of(scan, start);
      runs.push_back(sum / static_cast<double>(of_scan.size()));
      windows += static_cast<std::int64_t>(of_scan.size());
    }
    const double expected = std::accumulate(runs.begin(), runs.end(), 0.0) / static_cast<double>(runs.size());
    EXPECT_DOUBLE_EQ(p.output, expected) << p.participant_id;
    EXPECT_DOUBLE_EQ(p.predicted, 50 + 10 * p.output) << "in original units";
    EXPECT_EQ(p.windows, windows) << p.participant_id;
  }
}

TEST_F(Evaluate, PartsTogetherAreAllSubjectsOnce) {
  EvaluateSettings settings = saved(kSex);
  std::map<std::string, int> seen;
  for (const train::Part part : train::kParts) {
    settings.part = part;
    for (const Prediction& p : evaluate(settings, *cohort_, alone_).predictions) {
      EXPECT_EQ(p.part, train::name_of(part));
      EXPECT_EQ(p.predicted, p.output >= 0 ? 1 : 0);
      ++seen[p.participant_id];
    }
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kSubjects));
  for (const auto& [id, count] : seen) EXPECT_EQ(count, 1) << id;
}

TEST_F(Evaluate, RefusesACohortOnAnotherGridAndWeightsWithoutATask) {
  EvaluateSettings settings = saved(kSex);
  models::BrainMTConfig other = model_->config();
  other.grid = {9, 8, 9};
  train::save_weights(
      settings.weights, model_->parameters(),
      {{train::kModelKey, train::describe_model(other)}, {train::kTaskKey, train::describe_task(kSex)}});
  test::expect_error<Error>([&] { evaluate(settings, *cohort_, alone_); }, {"9x8x9", "9x8x7"});
  train::save_weights(settings.weights, model_->parameters(),
                      {{train::kModelKey, train::describe_model(model_->config())}});
  test::expect_error<Error>([&] { evaluate(settings, *cohort_, alone_); }, {"brainmt.task", "task="});
}

}  // namespace
}  // namespace brainmt::analysis

// The losses of a task: a case worked out by hand, learned weights against central differences, and the same formula in
// training and validation.
#include "task/objective.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/double_tensor.hpp"

namespace brainmt::task {
namespace {

using autograd::Tape;
using autograd::Var;
using test::in_double;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TaskDescription task_of(const std::vector<Task>& kinds, bool learns_weights = false) {
  TaskDescription task{.is_multitask = kinds.size() > 1, .targets = {}, .learns_weights = learns_weights};
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    TargetDescription target;
    target.target.name = "target" + std::to_string(k);
    target.target.task = kinds[k];
    task.targets.push_back(target);
  }
  return task;
}

struct Losses {
  std::vector<double> terms, gradient;
};

Losses losses_of(const Objective& objective, const std::vector<double>& output, const std::vector<double>& targets,
                 const std::vector<double>& weights) {
  const std::int64_t k = objective.outputs(), count = std::ssize(output);
  Tape tape;
  const Var prediction(in_double(output, {count / k, k}), true);
  const Labels labels{in_double(targets, {count}), in_double(weights, {count})};
  const Var loss = objective.loss(tape, {.prediction = prediction}, labels);
  const std::vector<double> ones(static_cast<std::size_t>(count), 1.0);
  tape.backward(loss, in_double(ones, loss.shape()));
  return {loss.value().to_host(), prediction.gradient().take().to_host()};
}

TEST(Objective, RegressionAndClassificationWithMissingLabels) {
  // Three samples, two targets: a regression with weight 2 that two samples have, classes with weight 0.5 that two
  // have.
  const auto objective = supervised(task_of({Task::kRegression, Task::kClassification}), DType::kF64);
  const Losses found = losses_of(*objective, {1.5, 0.0, -1.0, 2.0, 3.0, 7.0}, {1.0, 1.0, 0.5, 0.0, kNan, kNan},
                                 {2.0 / 2, 0.5 / 2, 2.0 / 2, 0.5 / 2, 0, 0});
  const double sigmoid = 1 / (1 + std::exp(-2.0));
  const std::vector<double> loss{0.25, 0.25 * std::log(2.0), 2.25, 0.25 * (2.0 + std::log1p(std::exp(-2.0))), 0, 0};
  const std::vector<double> gradient{2 * 0.5, 0.25 * (0.5 - 1), 2 * -1.5, 0.25 * sigmoid, 0, 0};
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(found.terms[i], loss[i], 1e-15) << i;
    EXPECT_NEAR(found.gradient[i], gradient[i], 1e-15) << i;
  }
}

// A store as a model would give it.
class LearnedWeights : public testing::Test {
 protected:
  LearnedWeights() : objective_(supervised(task_of({Task::kRegression, Task::kClassification}, true), DType::kF64)) {
    objective_->declare(store_);
    store_.allocate();
    store_.initialise(1);
    weights_ = store_.find("objective.log_variance");
    set({0.3, -0.8});
  }
  void set(const std::vector<double>& log_variance) {
    weights_->value.copy_from(in_double(log_variance, {2}));
    store_.refresh_compute();
  }
  Losses losses() {
    store_.zero_grads();
    return losses_of(*objective_, kOutput, {1.0, 1.0, 0.5, kNan}, {0.5, 1.0, 0.5, 0});
  }
  double sum() {
    double sum = 0;
    for (const double term : losses().terms) sum += term;
    return sum;
  }

  std::vector<double> kOutput{1.5, 0.4, -1.0, 2.0};
  nn::ParameterStore store_{DType::kF64};
  std::unique_ptr<Objective> objective_;
  nn::Parameter* weights_ = nullptr;
};

TEST_F(LearnedWeights, TermsAreThoseOfKendallEtAl) {
  const std::vector<double> terms = losses().terms;
  EXPECT_NEAR(terms[0], 0.5 * std::exp(-0.3) * 0.5 * 0.25 + 0.5 * 0.3 / 2, 1e-15);
  EXPECT_NEAR(terms[1], std::exp(0.8) * std::log1p(std::exp(-0.4)) - 0.8 / 2, 1e-15);
  EXPECT_EQ(terms[3], 0.0);
}

TEST_F(LearnedWeights, GradientsMatchCentralDifferences) {
  const Losses found = losses();
  const std::vector<double> slopes = weights_->grad.to_host();
  constexpr double kStep = 1e-5;
  for (std::size_t k = 0; k < 2; ++k) {
    std::vector<double> s{0.3, -0.8};
    const auto at = [&](double value) {
      s[k] = value;
      set(s);
      return sum();
    };
    const double kept = s[k];
    EXPECT_NEAR(slopes[k], (at(kept + kStep) - at(kept - kStep)) / (2 * kStep), 1e-9);
    at(kept);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const double kept = kOutput[i];
    const auto at = [&](double value) {
      kOutput[i] = value;
      return sum();
    };
    EXPECT_NEAR(found.gradient[i], (at(kept + kStep) - at(kept - kStep)) / (2 * kStep), 1e-9);
    at(kept);
  }
}

TEST_F(LearnedWeights, AreDeclaredOnlyWhereTheyAreAskedFor) {
  nn::ParameterStore store(DType::kF64);
  supervised(task_of({Task::kRegression, Task::kClassification}), DType::kF64)->declare(store);
  EXPECT_TRUE(store.all().empty());
}

TEST(Objective, ValidationHasTheFormulasOfTraining) {
  for (const Task kind : {Task::kRegression, Task::kClassification}) {
    const auto objective = supervised(task_of({kind}), DType::kF64);
    const std::vector<double> output{0.7, -1.2, 2.0}, truth{1, 0, 1};
    const Losses found = losses_of(*objective, output, truth, std::vector<double>(3, 1.0 / 3));
    const Score score = objective->score({{.output = output, .truth = truth}});
    EXPECT_NEAR(score.loss, found.terms[0] + found.terms[1] + found.terms[2], 1e-15);
  }
}

}  // namespace
}  // namespace brainmt::task

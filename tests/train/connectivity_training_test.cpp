// BrainNetCNN learns a difference in connectivity between two classes through the program's own training step, on made
// matrices: the data path of connectivity cohorts is not needed for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "comm/self_communicator.hpp"
#include "models/brainnetcnn.hpp"
#include "task/metrics.hpp"
#include "train/gradient_route.hpp"
#include "train/step.hpp"

namespace brainmt::train {

using namespace nn;
using namespace task;
namespace {

constexpr std::int64_t kNodes = 16, kFrames = 80, kSubjects = 160, kTrained = 96, kBatch = 8;

// Correlations of `frames` normal draws of each node; in class 1 the first four nodes share a component.
std::vector<float> connectivity(std::uint64_t subject, bool coupled) {
  constexpr auto n = static_cast<std::size_t>(kNodes), frames = static_cast<std::size_t>(kFrames);
  Philox random(11, 7, subject);
  std::vector<double> series(n * frames);
  for (std::size_t t = 0; t < frames; ++t) {
    const double shared = random.normal();
    for (std::size_t i = 0; i < n; ++i)
      series[i * frames + t] = random.normal() + (coupled && i < 4 ? 0.7 * shared : 0);
  }
  for (std::size_t i = 0; i < n; ++i) {
    double mean = 0, norm = 0;
    double* const row = &series[i * frames];
    for (std::size_t t = 0; t < frames; ++t) mean += row[t] / static_cast<double>(frames);
    for (std::size_t t = 0; t < frames; ++t) norm += (row[t] - mean) * (row[t] - mean);
    for (std::size_t t = 0; t < frames; ++t) row[t] = (row[t] - mean) / std::sqrt(norm);
  }
  std::vector<float> r(n * n);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t t = 0; t < frames; ++t) sum += series[i * frames + t] * series[j * frames + t];
      r[i * n + j] = static_cast<float>(i == j ? 1 : sum);
    }
  return r;
}

double test_auroc(bool shuffled) {
  std::vector<std::vector<float>> matrices;
  std::vector<float> labels;
  Philox coin(5, 1);
  for (std::int64_t s = 0; s < kSubjects; ++s) {
    const bool coupled = s % 2 == 1;
    matrices.push_back(connectivity(static_cast<std::uint64_t>(s), coupled));
    labels.push_back(shuffled ? static_cast<float>(coin.uniform() < 0.5) : static_cast<float>(coupled));
  }
  models::BrainNetCnnConfig sizes{.nodes = kNodes, .e2e = {8, 8}, .n2g = 32, .dense = {16, 8}};
  models::BrainNetCnn model(sizes, DType::kF32);
  model.initialise(3);
  AdamW optimizer(model.parameters(), {.weight_decay = 1e-4});
  comm::SelfCommunicator alone;
  GradientRoute route(alone, {});
  const auto objective = supervised({.targets = {{{.name = "class", .task = Task::kClassification}}}});
  StepRunner runner(model, *objective, optimizer, alone, route.transport(),
                    {.batches = {.seed = 3, .batch_size = kBatch}});

  std::vector<std::int64_t> order(kTrained);
  for (std::int64_t epoch = 0, step = 0; epoch < 12; ++epoch) {
    Philox random(9, 2, static_cast<std::uint64_t>(epoch));
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int64_t>(i);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    for (std::size_t first = 0; first < order.size(); first += kBatch, ++step) {
      MicroBatch batch;
      std::vector<float> values;
      for (std::size_t i = 0; i < kBatch; ++i) {
        const auto s = static_cast<std::size_t>(order[first + i]);
        values.insert(values.end(), matrices[s].begin(), matrices[s].end());
        batch.targets.push_back(labels[s]);
        batch.weights.push_back(1.0f / kBatch);
        batch.samples.push_back(static_cast<std::int64_t>(i));
      }
      batch.input = Tensor::from_host(values, model.input_shape(kBatch), DType::kF32);
      runner.run(
          {.step = step, .lr = 2e-3, .global_samples = kBatch, .batch = [&](int, const Tensor&) { return batch; }});
    }
  }
  std::vector<double> scores, truth;
  for (std::size_t s = kTrained; s < matrices.size(); ++s) {
    autograd::Tape tape(autograd::Tape::Mode::kForget);
    const autograd::Var x(Tensor::from_host(matrices[s], model.input_shape(1), DType::kF32));
    scores.push_back(model.forward(tape, x, {}).prediction.value().to_host().at(0));
    truth.push_back(labels[s]);
  }
  return classification_metrics(truth, scores, 0.0).auroc;
}

TEST(ConnectivityTraining, FindsAPlantedCoupling) { EXPECT_GE(test_auroc(/*shuffled=*/false), 0.95); }

TEST(ConnectivityTraining, ShuffledLabelsEndAtChance) {
  const double auroc = test_auroc(/*shuffled=*/true);
  EXPECT_GE(auroc, 0.35);
  EXPECT_LE(auroc, 0.65);
}

}  // namespace
}  // namespace brainmt::train

#pragma once
// The training step that `brainmt bench step` times: the program's own StepRunner on one fixed random input.
#include <memory>
#include <vector>

#include "models/model.hpp"
#include "train/gradient_route.hpp"
#include "train/step.hpp"

namespace brainmt::bench {

/// Of a micro step that is a CUDA graph, forward and backward count as backward: they are one.
struct StepTimes {
  double forward = 0, backward = 0, exposed = 0, optimiser = 0;
  double total() const { return forward + backward + exposed + optimiser; }
};

/// One rank's model with optimiser state and a random input in host memory.
class Stepper {
 public:
  /// `samples` micro steps of batch 1 a step. `comm` outlives it. `graphs`: on a device, micro steps are CUDA
  /// graphs, as in training.
  Stepper(std::unique_ptr<models::Model> model, int samples, comm::Communicator& comm, bool graphs = false);

  const models::Model& model() const { return *model_; }

  /// One optimiser step. Each micro step brings its input to where the model computes, as training does.
  StepTimes run();

 private:
  task::MicroBatch batch(int micro_step) const;

  std::unique_ptr<models::Model> model_;
  std::vector<float> window_;
  nn::AdamW optimizer_;
  train::GradientRoute route_;
  std::unique_ptr<task::Objective> objective_;
  train::StepRunner runner_;
  int rank_, samples_;
  std::int64_t global_samples_, steps_ = 0;
};

struct Throughput {
  StepTimes best;  // this rank's, of the fastest repeat
  double seconds = 0;
};

/// Fastest of `repeats` steps after one that is not measured; a step ends when the slowest rank has ended.
Throughput best_of(Stepper& stepper, comm::Communicator& comm, int repeats);

}  // namespace brainmt::bench

#pragma once
// The training step that `brainmt bench step` times: a whole BrainMT on one fixed random window, its gradients reduced
// over the ranks, AdamW.
#include <memory>
#include <vector>

#include "comm/gradient_reducer.hpp"
#include "models/brainmt.hpp"
#include "train/gradient_route.hpp"
#include "train/step_records.hpp"

namespace brainmt::bench {

/// Of a replayed micro step, forward and backward count as backward: they are one.
struct StepTimes {
  double forward = 0, backward = 0, exposed = 0, optimiser = 0;
  double total() const { return forward + backward + exposed + optimiser; }
};

/// One rank's model with optimiser state and a random window in the host's memory.
class Stepper {
 public:
  /// `comm` outlives it. `graphs`: on a device, micro steps are replayed from a record, as in training.
  Stepper(const models::BrainMTConfig& config, DType dtype, comm::Communicator& comm, bool graphs = false);

  models::BrainMT& model() { return model_; }

  /// `samples` micro steps of batch 1 and one optimiser step. Each micro step brings the window to where the model
  /// computes, as training does.
  StepTimes run(int samples);

 private:
  Tensor input() const;
  void micro_step(bool reduces, StepTimes& times);
  void forward_and_backward(const Tensor& input);
  void update();

  models::BrainMT model_;
  Tensor m_, v_;
  std::vector<float> window_;
  Shape shape_;
  DType dtype_;
  train::GradientRoute route_;
  std::unique_ptr<comm::GradientReducer<float>> reducer_;
  std::unique_ptr<train::StepRecords> records_;
  Tensor recorded_input_, one_;  // the gradient of the output
  double forward_end_ = 0;
  std::int64_t steps_ = 0;
};

struct Throughput {
  StepTimes best;  // this rank's, of the fastest repeat
  double seconds = 0;
};

/// Fastest of `repeats` steps after one that is not measured; a step ends when the slowest rank has ended.
Throughput best_of(Stepper& stepper, comm::Communicator& comm, int samples, int repeats);

}  // namespace brainmt::bench

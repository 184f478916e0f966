#pragma once
// This rank's micro batches, in the order of the sampler, read ahead across steps and epochs.
#include "task/micro_batch.hpp"
#include "task/sampler.hpp"
#include "task/training_data.hpp"
#include "task/window_stream.hpp"

namespace brainmt::task {

struct BatchPlan {
  std::uint64_t seed = 0;
  int rank = 0, ranks = 1;
  int micro_steps = 1;
  std::int64_t batch_size = 1;
  std::int64_t first_step = 0, end_step = 0;  // steps [first, end) will be asked for, in order
  models::InputSpec input{};
  std::int64_t prefetch = 2;
  DType activation = DType::kF32;
};

/// The data order of a plan.
TrainingOrder order_of(const BatchPlan& plan, const TrainingData& data);

class TrainingBatches {
 public:
  /// Starts reading. `data` outlives this.
  TrainingBatches(const TrainingData& data, const BatchPlan& plan);

  /// Micro steps must be asked for in order: 0 .. micro_steps - 1 of every step. The input is put in `place` where that
  /// fits (WindowStream::take).
  MicroBatch next(std::int64_t step, int micro_step, const Tensor& place = {});

  double loader_cpu_seconds() const { return windows_.loader_cpu_seconds(); }

 private:
  /// Of a label of each target in this step: its share of the loss of the global batch, whoever computes it.
  std::vector<float> label_weights(std::int64_t step);

  const TrainingData& data_;
  BatchPlan plan_;
  TrainingOrder order_;
  WindowStream windows_;
};

}  // namespace brainmt::task

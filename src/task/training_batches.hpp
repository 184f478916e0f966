#pragma once
// This rank's micro batches in the sampler's order, prefetched across steps and epochs.
#include "task/micro_batch.hpp"
#include "task/sampler.hpp"
#include "task/training_data.hpp"
#include "task/window_stream.hpp"

namespace brainmt::task {

/// How a run's samples make up its steps.
struct BatchSettings {
  std::uint64_t seed = 42;  // of order and windows; the model draws from it too
  int batch_size = 2;       // samples per rank and micro step
  int accumulate = 1;       // micro steps per update
  /// deterministic=world: each sample goes through the model by itself. Sums over samples are then all in the reducer's
  /// tree, and no bit depends on how the global batch is split.
  bool by_sample = false;
  std::int64_t prefetch = 2;  // windows read ahead

  /// Samples that go through the model together, and how often that is done for an update.
  int micro_batch() const { return by_sample ? 1 : batch_size; }
  int micro_steps() const { return by_sample ? batch_size * accumulate : accumulate; }

  /// run.seed, run.batch_size, run.accumulate, deterministic, data.prefetch. Throws UsageError when run.global_batch
  /// cannot be made from run.batch_size and the ranks.
  static BatchSettings from_config(const config::Config& config, int ranks);
};

/// What one rank reads.
struct BatchPlan {
  BatchSettings settings{};
  int rank = 0, ranks = 1;
  std::int64_t first_step = 0, end_step = 0;  // steps [first, end) will be asked for, in order
  models::InputSpec input{};
  DType activation = DType::kF32;
};

/// The data order of a plan.
TrainingOrder order_of(const BatchPlan& plan, const TrainingData& data);

class TrainingBatches {
 public:
  /// Starts reading. `data` outlives this.
  TrainingBatches(const TrainingData& data, const BatchPlan& plan);

  /// Micro steps must be asked for in order: 0 .. micro_steps - 1 of every step. The input is put in `out` where that
  /// fits (WindowStream::take).
  MicroBatch next(std::int64_t step, int micro_step, const Tensor& out = {});

  double loader_cpu_seconds() const { return windows_.loader_cpu_seconds(); }

 private:
  /// Weight of a label of each target in the loss of this step's global batch; equal on all ranks.
  std::vector<float> label_weights(std::int64_t step);

  const TrainingData& data_;
  BatchPlan plan_;
  TrainingOrder order_;
  WindowStream windows_;
};

}  // namespace brainmt::task

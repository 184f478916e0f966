#pragma once
// One optimiser step on all ranks: forward and backward over this rank's micro batches, gradients summed over ranks
// during the backward pass, clipping, AdamW. The loss of the global batch is the
// sum of the objective's terms over its samples. The weights of labels come with them, made from the whole global
// batch, so N ranks with batch 1 and 1 rank with batch N compute the same thing.
//
// On a device, what lies between "the batch is in device memory" and "its gradients are added, or reduced" is a
// CUDA graph (captured_steps.hpp). It knows neither the step nor its samples: those are in step_buffers.hpp.
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "comm/communicator.hpp"
#include "comm/gradient_reducer.hpp"
#include "models/model.hpp"
#include "nn/optimizer.hpp"
#include "task/training_batches.hpp"
#include "train/captured_steps.hpp"
#include "train/step_buffers.hpp"

namespace brainmt::train {

struct StepSettings {
  task::BatchSettings batches{};  // steps of other micro batches than these are not captured
  std::size_t bucket_bytes = std::size_t{8} << 20;

  comm::Determinism determinism() const {
    return batches.by_sample ? comm::Determinism::kWorld : comm::Determinism::kRank;
  }
  /// comm.bucket_mb, and what BatchSettings takes.
  static StepSettings from_config(const config::Config& config, int ranks) {
    return {.batches = task::BatchSettings::from_config(config, ranks),
            .bucket_bytes = static_cast<std::size_t>(config.get<double>("comm.bucket_mb") * (1 << 20))};
  }
};

struct StepRequest {
  std::int64_t step = 0;  // from 0
  double lr = 0;
  std::int64_t global_samples = 0;  // in this global batch, over all ranks
  std::function<bool()> stop = [] {
    return false;
  };  // true if this rank was asked to stop; called once, at the step's end
  /// The input may be put in `out`, where that is defined and has the shape: a copy is saved.
  std::function<task::MicroBatch(int micro_step, const Tensor& out)> batch;
};

struct StepResult {
  double loss = 0;              // of the global batch, the same number on every rank
  std::vector<double> terms{};  // of the objective: they add up to `loss`
  double gradient_norm = 0;
  bool updated = false;     // false: a loss or gradient was not finite on some rank, and all ranks skipped the update
  bool stop = false;        // some rank was asked to stop
  double data_seconds = 0;  // this rank waited for its batches
  double forward_seconds = 0, backward_seconds = 0, update_seconds = 0;  // of this rank
  double reduce_seconds = 0;  // exposed communication; 0 where one graph holds both
};

class StepRunner {
 public:
  /// Everything given outlives the runner. The ranks agree over `control`, in the host's memory; `gradients`: transport
  /// of the all-reduce, over the same communicator or another of the same ranks. With a `capture`, micro steps of full
  /// global batches run as CUDA graphs, where the transport can be captured. Throws UsageError where the ranks do not
  /// allow deterministic=world.
  StepRunner(models::Model& model, const task::Objective& objective, nn::AdamW& optimizer, comm::Communicator& control,
             const comm::GradientTransport& gradients, const StepSettings& settings, StreamCapture* capture = nullptr);

  /// Collective.
  StepResult run(const StepRequest& request);

 private:
  struct Losses {
    Tensor by_term;                     // [B, terms]
    std::vector<std::int64_t> samples;  // [B]
  };

  bool is_full(const StepRequest& request) const;
  void run_micro_step(const StepRequest& request, const task::MicroBatch& batch, int micro, StepResult& times);
  void repeat_captured(bool reduces, StepResult& times);
  void forward_and_backward(const StepBuffers& buffers, StepResult& times);
  void backward(autograd::Tape& tape, const autograd::Var& loss, Tensor gradient);
  void read_losses(std::int64_t global_samples, std::vector<double>& by_sample);

  models::Model& model_;
  const task::Objective& objective_;
  nn::AdamW& optimizer_;
  comm::Communicator& control_;
  StepSettings settings_;
  comm::GradientReducer<float> reducer_;
  CapturedSteps captured_steps_;
  StepBuffers captured_;        // of the captured micro steps
  std::vector<Losses> losses_;  // of this step's micro steps
};

}  // namespace brainmt::train

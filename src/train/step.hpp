#pragma once
// One optimiser step on all ranks: forward and backward over this rank's micro batches, gradients summed over ranks
// while the backward pass goes on, clipping, AdamW. The loss of the global batch is, for each target, the mean over
// the labels that it has in that batch; the targets' losses are added with their weights. The weights of labels come
// with them, made from the whole global batch, so N ranks with batch 1 and 1 rank with batch N compute the same thing.
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "comm/communicator.hpp"
#include "comm/gradient_reducer.hpp"
#include "kernels/loss_kind.hpp"
#include "models/brainmt.hpp"
#include "train/optimizer.hpp"

namespace brainmt::train {

/// What one forward pass takes. Without samples (an uneven last batch) `input` is undefined and the rank only takes
/// part in the reductions.
struct MicroBatch {
  Tensor input;                       // [B, T, Y, X, Z] activation type
  std::vector<float> targets;         // [B, K] scaled, of each target; anything where the label is missing
  std::vector<float> weights;         // [B, K] of each label in the loss; 0 where it is missing
  std::vector<std::int64_t> samples;  // [B] number of each sample within the global batch
};

struct StepSettings {
  std::vector<kernels::Loss> losses{kernels::Loss::kMse};  // of each target
  std::uint64_t seed = 0;
  int micro_steps = 1;
  std::size_t bucket_bytes = std::size_t{8} << 20;
  comm::Determinism determinism = comm::Determinism::kRank;
};

struct StepRequest {
  std::int64_t step = 0;  // from 0
  double lr = 0;
  std::int64_t global_samples = 0;                    // in this global batch, over all ranks
  std::function<bool()> stop = [] { return false; };  // was this rank asked to stop? Asked once, at the step's end
  std::function<MicroBatch(int micro_step)> batch;
};

struct StepResult {
  double loss = 0;                      // of the global batch, the same number on every rank
  std::vector<double> target_losses{};  // of each target, with its weight: they add up to `loss`
  double gradient_norm = 0;
  bool updated = false;       // false: a loss or gradient was not finite on some rank, and all ranks skipped the update
  bool stop = false;          // some rank was asked to stop
  double data_seconds = 0;    // this rank waited for its batches
  double reduce_seconds = 0;  // communication that the backward pass did not hide
};

class StepRunner {
 public:
  /// Everything given outlives the runner. The ranks agree over `control`, in the host's memory; `gradients` says how
  /// those travel, over the same communicator or another of the same ranks. Throws UsageError where the ranks do not
  /// allow deterministic=world.
  StepRunner(models::BrainMT& model, AdamW& optimizer, comm::Communicator& control, const comm::GradientLink& gradients,
             const StepSettings& settings);

  /// Collective.
  StepResult run(const StepRequest& request);

 private:
  void run_micro_step(const StepRequest& request, const MicroBatch& batch, std::vector<double>& losses);
  void backward(autograd::Tape& tape, const autograd::Var& output, Tensor gradient);

  models::BrainMT& model_;
  AdamW& optimizer_;
  comm::Communicator& control_;
  StepSettings settings_;
  comm::GradientReducer<float> reducer_;
};

/// The loss of each label and the gradient of their sum; both [B, K], weighted.
struct LossValues {
  Tensor loss, gradient;
};
/// `output` [B, K] of K targets with the losses `kinds`; `targets` and `weights` as in MicroBatch.
LossValues loss_of(const Tensor& output, const std::vector<float>& targets, const std::vector<float>& weights,
                   const std::vector<kernels::Loss>& kinds);

}  // namespace brainmt::train

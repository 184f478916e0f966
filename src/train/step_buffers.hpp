#pragma once
// The memory that a micro step reads and leaves its losses in. All that differs between two micro steps of one shape
// reaches the model's work through here, so that the work itself can be recorded once and replayed with other contents.
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/loss_kind.hpp"
#include "tensor/tensor.hpp"

namespace brainmt::train {

/// What one forward pass takes. Without samples (an uneven last batch) `input` is undefined and the rank only takes
/// part in the reductions.
struct MicroBatch {
  Tensor input;                       // [B, T, Y, X, Z] activation type
  std::vector<float> targets;         // [B, K] scaled, of each target; anything where the label is missing
  std::vector<float> weights;         // [B, K] of each label in the loss; 0 where it is missing
  std::vector<std::int64_t> samples;  // [B] number of each sample within the global batch
};

class StepBuffers {
 public:
  /// Takes a batch with samples, and the DropPath factors of its places, [places, B] (may be empty); `kinds`: the loss
  /// of each of the K targets. Labels and factors go to the device in one copy. While the sizes stay, so do all
  /// addresses: an input that lies elsewhere is copied.
  void fill(const MicroBatch& batch, const std::vector<float>& drop_path, const std::vector<kernels::Loss>& kinds);

  const Tensor& input() const { return input_; }  // [B, T, Y, X, Z]; undefined before the first fill()
  Tensor labels() const;                          // [1 + kinds of losses, B * K]: label_rows()
  Tensor drop_path() const;                       // [places, B]; undefined where there are none
  const Tensor& loss() const { return loss_; }    // [B, K], for the step to write

 private:
  std::int64_t label_rows_ = 0;
  Tensor input_, values_, loss_;  // values_: labels, then factors
};

/// Targets, then for each kind of loss that there is the weights of its labels and 0 for the others', all [B * K].
std::vector<float> label_rows(const std::vector<float>& targets, const std::vector<float>& weights,
                              const std::vector<kernels::Loss>& kinds);

/// The loss of each label and the gradient of their sum; both [B, K], weighted.
struct LossValues {
  Tensor loss, gradient;
};
/// `output` [B, K] of K targets with the losses `kinds`; `labels`: the label_rows() of as many.
LossValues loss_of(const Tensor& output, const Tensor& labels, const std::vector<kernels::Loss>& kinds);

}  // namespace brainmt::train
